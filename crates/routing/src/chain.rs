//! Routes: names that lead to models, to globs over models, or to other routes.
//!
//! [`check`] is for whoever saves a route: a loop or too deep a nesting is refused there, and what
//! is nevertheless found in a table is left out when it is put together.

use std::{cell::Cell, sync::Arc};

use crate::{
    name::RESERVED,
    strategy::{Strategy, Wheel},
};

/// How deep routes can lead to routes, the first included.
pub const MOST_DEPTH: usize = 4;

/// The most members that one route can be written with.
pub const MOST_MEMBERS: usize = 64;

/// The most nested routes that are walked through for one route.
const MOST_STEPS: usize = 1_024;

/// The most models that one route leads to, globs and nested routes spelled out.
pub const MOST_LEAVES: usize = 256;

/// A route as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// The name that clients ask for. With one `*` it takes every name of that form.
    pub name: Arc<str>,
    /// Where it leads: routes, `provider/model`, or globs over these.
    pub members: Vec<MemberSpec>,
    /// In which order members are tried.
    pub strategy: Strategy,
}

/// A member of a route as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSpec {
    /// A route, a `provider/model`, or a glob over these.
    pub name: String,
    /// Its weight, for the strategy that has weights.
    pub weight: u32,
}

impl RouteSpec {
    /// An alias or a chain: `members` in their order.
    pub fn in_order(name: &str, members: &[&str]) -> Self {
        let member = |name: &&str| MemberSpec {
            name: (*name).to_owned(),
            weight: 1,
        };
        Self {
            name: Arc::from(name),
            members: members.iter().map(member).collect(),
            strategy: Strategy::FillFirst,
        }
    }
}

/// Why a route can not be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The name means something else.
    #[error("the name is taken by mirk itself")]
    Reserved,
    /// No members, or more than [`MOST_MEMBERS`].
    #[error("a route has 1 to {MOST_MEMBERS} members")]
    Count,
    /// It would lead back to itself, through this route.
    #[error("the route would lead back to itself through {0}")]
    Loop(String),
    /// Routes lead to routes too deep.
    #[error("routes can lead to routes {MOST_DEPTH} deep at most")]
    Deep,
    /// Routes lead to too many routes.
    #[error("the route would lead to too many others")]
    Wide,
    /// A star in the name without a single target to carry it to, or more than one star.
    #[error("a name with a star needs exactly one, and one member with one star at most")]
    Star,
}

/// Whether a route `name` that leads to `members` can be saved beside `others`.
///
/// # Errors
/// [`ChainError`].
pub fn check(name: &str, members: &[String], others: &[RouteSpec]) -> Result<(), ChainError> {
    if RESERVED.contains(&name) || name.starts_with("mirk/") {
        return Err(ChainError::Reserved);
    }
    if members.is_empty() || members.len() > MOST_MEMBERS {
        return Err(ChainError::Count);
    }
    let stars = |text: &str| text.matches('*').count();
    if stars(name) > 1 {
        return Err(ChainError::Star);
    }
    if stars(name) == 1 && (members.len() != 1 || members.iter().any(|one| stars(one) > 1)) {
        return Err(ChainError::Star);
    }
    let mut spec = RouteSpec::in_order(name, &[]);
    spec.members = members
        .iter()
        .map(|name| MemberSpec {
            name: name.clone(),
            weight: 1,
        })
        .collect();
    let others = others.iter().filter(|other| &*other.name != name);
    let all: Vec<&RouteSpec> = [&spec].into_iter().chain(others).collect();
    // A new route can make another one too deep, so all of them are walked. What is wrong with
    // the others for other reasons is not this one's fault.
    for route in &all {
        let mut path = Vec::new();
        match walk(&all, route, (&mut path, &mut 0)) {
            Err(error) if path.contains(&name) => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn walk<'a>(
    all: &[&'a RouteSpec],
    route: &'a RouteSpec,
    (path, steps): (&mut Vec<&'a str>, &mut usize),
) -> Result<(), ChainError> {
    *steps += 1;
    if *steps > MOST_STEPS {
        return Err(ChainError::Wide);
    }
    if path.contains(&&*route.name) {
        return Err(ChainError::Loop(route.name.to_string()));
    }
    path.push(&route.name);
    if path.len() > MOST_DEPTH {
        return Err(ChainError::Deep);
    }
    for member in &route.members {
        if let Some(next) = all.iter().find(|other| *other.name == *member.name) {
            walk(all, next, (path, steps))?;
        }
    }
    path.pop();
    Ok(())
}

/// A route put together: a tree whose leaves are models at providers.
#[derive(Debug)]
pub(crate) struct Group<L> {
    pub(crate) name: Arc<str>,
    pub(crate) strategy: Strategy,
    pub(crate) members: Vec<Member<L>>,
    pub(crate) wheel: Arc<Wheel>,
    /// How many leaves there are below.
    pub(crate) leaves: usize,
}

#[derive(Debug)]
pub(crate) struct Member<L> {
    pub(crate) node: Node<L>,
    pub(crate) weight: u32,
}

/// One place of the tree.
#[derive(Debug)]
pub(crate) enum Node<L> {
    Leaf(L),
    Group(Arc<Group<L>>),
}

impl<L> Node<L> {
    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Group(group) => group.leaves,
        }
    }
}

impl<L> Group<L> {
    /// Every leaf, in the order of writing.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a L)) {
        for member in &self.members {
            match &member.node {
                Node::Leaf(leaf) => visit(leaf),
                Node::Group(group) => group.each(visit),
            }
        }
    }
}

/// Puts routes together from their specs.
pub(crate) struct Builder<'a, L> {
    pub(crate) specs: &'a [RouteSpec],
    /// The models that a name or a glob without a route of that name stands for.
    pub(crate) leaves: &'a dyn Fn(&str) -> Vec<L>,
    /// The wheel of the route of this name.
    pub(crate) wheel: &'a dyn Fn(&Arc<str>) -> Arc<Wheel>,
    /// How many routes were put together so far.
    pub(crate) steps: Cell<usize>,
}

impl<L> Builder<'_, L> {
    /// The route `spec`. Members that lead back, or too deep, are left out.
    pub(crate) fn build(&self, spec: &RouteSpec, path: &mut Vec<Arc<str>>) -> Group<L> {
        path.push(Arc::clone(&spec.name));
        self.steps.set(self.steps.get().saturating_add(1));
        let mut group = Group {
            name: Arc::clone(&spec.name),
            strategy: spec.strategy,
            members: Vec::new(),
            wheel: (self.wheel)(&spec.name),
            leaves: 0,
        };
        for member in spec.members.iter().take(MOST_MEMBERS) {
            let nested = self.specs.iter().find(|one| *one.name == *member.name);
            let nodes: Vec<Node<L>> = match nested {
                Some(one) if path.len() >= MOST_DEPTH || path.contains(&one.name) => Vec::new(),
                Some(_) if self.steps.get() > MOST_STEPS => Vec::new(),
                Some(one) => vec![Node::Group(Arc::new(self.build(one, path)))],
                None => (self.leaves)(&member.name)
                    .into_iter()
                    .map(Node::Leaf)
                    .collect(),
            };
            for node in nodes {
                let leaves = node.leaves();
                if leaves > 0 && group.leaves + leaves <= MOST_LEAVES {
                    group.leaves += leaves;
                    let weight = member.weight;
                    group.members.push(Member { node, weight });
                }
            }
        }
        path.pop();
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, members: &[&str], others: &[RouteSpec]) -> Result<(), ChainError> {
        let members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
        check(name, &members, others)
    }

    #[test]
    fn a_route_can_not_lead_back_to_itself() {
        let others = [
            RouteSpec::in_order("b", &["c"]),
            RouteSpec::in_order("c", &["a", "p/m"]),
        ];
        assert_eq!(
            checked("a", &["p/m", "b"], &others),
            Err(ChainError::Loop("a".into()))
        );
        assert_eq!(checked("a", &["a"], &[]), Err(ChainError::Loop("a".into())));
        assert_eq!(checked("a", &["p/m"], &others), Ok(()));
    }

    #[test]
    fn a_loop_of_others_is_not_this_ones_fault() {
        let others = [
            RouteSpec::in_order("x", &["y"]),
            RouteSpec::in_order("y", &["x"]),
        ];
        assert_eq!(checked("a", &["p/m"], &others), Ok(()));
    }

    #[test]
    fn nesting_has_a_floor_also_from_above() {
        let others = [
            RouteSpec::in_order("one", &["two"]),
            RouteSpec::in_order("two", &["three"]),
            RouteSpec::in_order("three", &["four"]),
            RouteSpec::in_order("five", &["p/m"]),
        ];
        assert_eq!(checked("four", &["p/m"], &others), Ok(()));
        assert_eq!(checked("four", &["five"], &others), Err(ChainError::Deep));
    }

    #[test]
    fn routes_that_fan_out_are_refused_before_they_cost_much() {
        let fan = |level: &str, next: &str| -> Vec<RouteSpec> {
            let members: Vec<String> = (0..64).map(|at| format!("{next}{at}")).collect();
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            let names = (0..64).map(|at| format!("{level}{at}"));
            names
                .map(|name| RouteSpec::in_order(&name, &members))
                .collect()
        };
        let mut others = fan("b", "c");
        others.extend(fan("c", "d"));
        others.extend(fan("d", "p/"));
        assert_eq!(checked("a", &["b0", "b1"], &others), Err(ChainError::Wide));
    }

    #[test]
    fn names_counts_and_stars_have_bounds() {
        for reserved in ["auto", "mirk", "mirk/fast"] {
            assert_eq!(checked(reserved, &["p/m"], &[]), Err(ChainError::Reserved));
        }
        assert_eq!(checked("a", &[], &[]), Err(ChainError::Count));
        assert_eq!(checked("a", &["p/m"; 65], &[]), Err(ChainError::Count));
        assert_eq!(checked("a-*", &["p/a-*"], &[]), Ok(()));
        assert_eq!(checked("a", &["p/*", "q/m"], &[]), Ok(()));
        assert_eq!(checked("*a*", &["p/m"], &[]), Err(ChainError::Star));
        assert_eq!(checked("a-*", &["p/a", "q/b"], &[]), Err(ChainError::Star));
    }

    #[test]
    fn what_is_put_together_ends_even_when_the_table_loops() {
        let specs = [
            RouteSpec::in_order("a", &["p/1", "b"]),
            RouteSpec::in_order("b", &["a", "p/*"]),
        ];
        let builder = Builder {
            specs: &specs,
            leaves: &|name| match name {
                "p/*" => vec!["p/2", "p/3"],
                _ => vec!["p/1"],
            },
            wheel: &|_| Arc::default(),
            steps: Cell::new(0),
        };
        let group = builder.build(&specs[0], &mut Vec::new());
        let mut leaves = Vec::new();
        group.each(&mut |leaf| leaves.push(*leaf));
        assert_eq!(leaves, ["p/1", "p/2", "p/3"]);
        assert_eq!(group.leaves, 3);
    }
}

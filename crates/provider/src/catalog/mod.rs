//! Models, context windows and prices, from `data/prices.json`, which `recipes/prices.py` makes.
//!
//! Invariant: what is not known has no price. Unknown is never free, and never zero.
//!
//! Read once, on first use. Prices are those of the date in the file: a change after it, or one
//! that was announced for later, is not in them.

mod glob;

use std::{collections::HashMap, sync::OnceLock};

use mirk_model::Price;
use serde::Deserialize;

use crate::kind::{Listed, by_name};

const EMBEDDED: &str = include_str!("../../../../data/prices.json");

/// What is known about one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The model's usual name, lower case.
    pub id: &'static str,
    /// Tokens that fit into one request, input and output together, where known.
    pub context: Option<u64>,
    /// Beside text: what the price list has rates for (`image`, `audio`, `video`). That one is
    /// missing here says nothing about the model.
    pub modalities: Vec<&'static str>,
    /// Per token, up to the first of [`Entry::tiers`]; absent when not known.
    pub price: Option<Price>,
    /// Prices of long requests: for the whole of a request with more input tokens than the first
    /// number. Ascending.
    pub tiers: Vec<(u64, Price)>,
    globs: Vec<&'static str>,
    except: Vec<&'static str>,
}

impl Entry {
    /// The price per token of a request with `input` input tokens. One cache-write rate is all
    /// there is: Anthropic's for five minutes, not the dearer one for an hour.
    pub fn price_for(&self, input: u64) -> Option<Price> {
        let passed = self.tiers.iter().rev().find(|(start, _)| input > *start);
        passed.map(|(_, price)| *price).or(self.price)
    }

    /// Whether the price depends on the length of the request.
    pub fn is_tiered(&self) -> bool {
        !self.tiers.is_empty()
    }

    fn goes_by(&self, name: &str) -> bool {
        let is_one = |globs: &[&str]| globs.iter().any(|glob| glob::matches(glob, name));
        is_one(&self.globs) && !is_one(&self.except)
    }
}

/// Whether a model has a price per token, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pricing<'a> {
    /// The entry has a price.
    Known(&'a Entry),
    /// It runs on the operator's own machine: there is no price per token.
    Local,
    /// Nobody said: to be shown as unpriced, and refused where a money limit needs a price.
    Unknown,
}

/// The models of every provider that has a list.
#[derive(Debug, Default)]
pub struct Catalog {
    source: &'static str,
    version: &'static str,
    date: &'static str,
    licence: String,
    lists: HashMap<&'static str, List>,
}

/// One provider's models.
#[derive(Debug, Default)]
struct List {
    entries: Vec<Entry>,
    /// Every exact name with its entry, sorted by name.
    names: Vec<(&'static str, usize)>,
}

impl Catalog {
    /// The catalogue that is compiled in.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        // A file that does not parse fails a test of this room; without it nothing has a price.
        CATALOG.get_or_init(|| Self::read(EMBEDDED).unwrap_or_default())
    }

    fn read(text: &'static str) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(text)?;
        let lists = file
            .providers
            .into_iter()
            .map(|(name, rows)| (name, List::of(rows)))
            .collect();
        Ok(Self {
            source: file.source,
            version: file.version,
            date: file.date,
            licence: file.licence,
            lists,
        })
    }

    /// Where the prices come from: the package and its version.
    pub fn source(&self) -> (&'static str, &'static str) {
        (self.source, self.version)
    }

    /// The licence of the prices, with its notice.
    pub fn licence(&self) -> &str {
        &self.licence
    }

    /// The day whose prices these are, `2026-11-22`.
    pub fn date(&self) -> &'static str {
        self.date
    }

    /// The entry for `model` as the kind `kind` calls it, without regard to case. An exact name
    /// goes before a pattern.
    pub fn find(&self, kind: &str, model: &str) -> Option<&Entry> {
        match by_name(kind)?.catalog {
            Listed::Under(list) => self.lists.get(list)?.find(model),
            Listed::Local | Listed::Unknown => None,
        }
    }

    /// What `model` costs at a provider of the kind `kind`, or why that is not known.
    pub fn pricing(&self, kind: &str, model: &str) -> Pricing<'_> {
        if by_name(kind).is_some_and(|facts| facts.catalog == Listed::Local) {
            return Pricing::Local;
        }
        self.find(kind, model)
            .filter(|entry| entry.price.is_some())
            .map_or(Pricing::Unknown, Pricing::Known)
    }

    /// Every entry of the kind `kind`, in the order of the file.
    pub fn entries(&self, kind: &str) -> &[Entry] {
        match by_name(kind).map(|facts| facts.catalog) {
            Some(Listed::Under(list)) => self.lists.get(list).map_or(&[], |list| &list.entries),
            Some(Listed::Local | Listed::Unknown) | None => &[],
        }
    }
}

/// [`Catalog::find`] in the catalogue that is compiled in.
pub fn find(kind: &str, model: &str) -> Option<&'static Entry> {
    Catalog::embedded().find(kind, model)
}

/// The price of a request of ordinary length; absent when the model is unknown, has no known
/// price, or runs locally. For long requests see [`Entry::price_for`], for the reason of an
/// absence [`Catalog::pricing`].
pub fn price(kind: &str, model: &str) -> Option<Price> {
    find(kind, model)?.price
}

impl List {
    fn of(rows: Vec<Row>) -> Self {
        let mut list = Self::default();
        for row in rows {
            let at = list.entries.len();
            list.names.push((row.id, at));
            list.names.extend(row.names.iter().map(|name| (*name, at)));
            list.entries.push(row.into_entry());
        }
        list.names.sort_unstable();
        list
    }

    fn find(&self, model: &str) -> Option<&Entry> {
        let lower;
        let name = if model.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = model.to_ascii_lowercase();
            &lower
        } else {
            model
        };
        let exact = self
            .names
            .binary_search_by(|(known, _)| (*known).cmp(name))
            .ok();
        exact
            .and_then(|at| self.names.get(at))
            .and_then(|(_, at)| self.entries.get(*at))
            .or_else(|| self.entries.iter().find(|entry| entry.goes_by(name)))
    }
}

/// The file as it is written.
#[derive(Deserialize)]
struct File {
    source: &'static str,
    version: &'static str,
    date: &'static str,
    licence: String,
    #[serde(borrow)]
    providers: HashMap<&'static str, Vec<Row>>,
}

/// Input, cached, cache write, output.
type Rates = [u64; 4];

#[derive(Deserialize)]
struct Row {
    id: &'static str,
    #[serde(default)]
    names: Vec<&'static str>,
    #[serde(default)]
    globs: Vec<&'static str>,
    #[serde(default)]
    except: Vec<&'static str>,
    context: Option<u64>,
    #[serde(default)]
    modalities: Vec<&'static str>,
    price: Option<Rates>,
    #[serde(default)]
    tiers: Vec<[u64; 5]>,
}

impl Row {
    fn into_entry(self) -> Entry {
        let tier = |[start, input, cached, cache_write, output]: [u64; 5]| {
            (start, rated([input, cached, cache_write, output]))
        };
        Entry {
            id: self.id,
            context: self.context,
            modalities: self.modalities,
            price: self.price.map(rated),
            tiers: self.tiers.into_iter().map(tier).collect(),
            globs: self.globs,
            except: self.except,
        }
    }
}

const fn rated([input, cached, cache_write, output]: Rates) -> Price {
    Price {
        input,
        cached,
        cache_write,
        output,
    }
}

#[cfg(test)]
mod tests;

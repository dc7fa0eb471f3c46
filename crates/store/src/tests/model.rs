//! Random batches do to the database what they do to a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Folder;
use crate::{Batch, Db, DbError, books::settings};

#[derive(Clone, Debug)]
enum Step {
    Set(u8, String),
    Remove(u8),
    /// Fails the batch when the name is not there.
    Need(u8),
    /// Fails the batch when the name is there.
    Insert(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..6_u8;
    prop_oneof![
        (name.clone(), ".{0,12}").prop_map(|(name, value)| Step::Set(name, value)),
        name.clone().prop_map(Step::Remove),
        name.clone().prop_map(Step::Need),
        name.prop_map(Step::Insert),
    ]
}

type Model = BTreeMap<String, String>;

fn on_model(model: &Model, steps: &[Step]) -> Result<Model, DbError> {
    let mut next = model.clone();
    for step in steps {
        match step {
            Step::Set(name, value) => {
                next.insert(name.to_string(), value.clone());
            }
            Step::Remove(name) => {
                next.remove(&name.to_string());
            }
            Step::Need(name) if !next.contains_key(&name.to_string()) => {
                return Err(DbError::Conflict);
            }
            Step::Need(_) => {}
            Step::Insert(name) => {
                if next.insert(name.to_string(), "new".into()).is_some() {
                    return Err(DbError::Constraint);
                }
            }
        }
    }
    Ok(next)
}

fn batch(steps: &[Step]) -> Batch {
    steps.iter().fold(Batch::new(), |batch, step| match step {
        Step::Set(name, value) => batch.and(settings::set(&name.to_string(), value)),
        Step::Remove(name) => batch.and(settings::remove(&name.to_string())),
        Step::Need(name) => batch
            .run(
                "UPDATE setting SET value = value WHERE name = $1",
                vec![name.to_string().into()],
            )
            .expect_rows(1),
        Step::Insert(name) => batch.run(
            "INSERT INTO setting (name, value) VALUES ($1, $2)",
            vec![name.to_string().into(), "new".into()],
        ),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_batches_do_what_they_do_to_a_map(
        batches in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..12)
    ) {
        let folder = Folder::new();
        let store = folder.open();
        let mut model = Model::new();
        for steps in &batches {
            let expected = on_model(&model, steps);
            let result = store.apply(batch(steps)).map(|_| ());
            prop_assert_eq!(result, expected.as_ref().map(|_| ()).map_err(|error| *error));
            model = expected.unwrap_or(model);
        }
        drop(store);
        let store = folder.open();
        let there: Model = settings::all(&store).unwrap().into_iter().collect();
        prop_assert_eq!(there, model);
    }
}

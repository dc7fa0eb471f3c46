//! Requests, whole answers and errors.

use mirk_dialect::{bridge, problem::render_failure};
use mirk_model::Dialect;

use crate::{DIALECTS, all_kept, fixtures, keep, pretty, translate, way};

/// What `make` makes of a fixture of `own` in each other dialect.
fn in_others(own: Dialect, mut make: impl FnMut(Dialect) -> String) -> Vec<(&'static str, String)> {
    DIALECTS
        .into_iter()
        .filter(|(other, _)| *other != own)
        .map(|(other, target)| (target, make(other)))
        .collect()
}

#[test]
fn every_request_in_every_dialect_is_as_it_was_looked_at() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (client, folder) in DIALECTS {
        for (name, body) in fixtures("requests", folder) {
            let body = String::from_utf8(body).unwrap();
            let parts = in_others(client, |upstream| {
                match translate(client, upstream, &body, false) {
                    Ok(translated) => {
                        let header = translated.notes.header();
                        format!("{header}\n{}", pretty(&translated.body))
                    }
                    Err(problem) => {
                        let (status, param) = (problem.kind.status(), problem.param);
                        let param = param.unwrap_or_default();
                        format!("refused: {status} {param}\n{}", problem.public)
                    }
                }
            });
            keep("requests", folder, &name, &parts, &mut wrong);
            count += 1;
        }
    }
    all_kept(&wrong);
    assert!(count >= 60, "only {count} fixtures");
}

#[test]
fn every_answer_in_every_dialect_is_as_it_was_looked_at() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("replies", folder) {
            let parts = in_others(upstream, |client| {
                match way(client, upstream, false).reply(&body) {
                    Ok(reply) => pretty(&reply),
                    Err(malformed) => format!("malformed: {malformed}"),
                }
            });
            keep("replies", folder, &name, &parts, &mut wrong);
            count += 1;
        }
    }
    all_kept(&wrong);
    assert!(count >= 25, "only {count} fixtures");
}

#[test]
fn every_error_in_every_dialect_is_as_it_was_looked_at() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("errors", folder) {
            let status = name.split('_').next().unwrap().parse().unwrap();
            let failure = bridge::failure(status, &body);
            let parts = in_others(upstream, |client| {
                let (status, body) = render_failure(client, &failure, "req_golden");
                format!("{status}\n{}", pretty(&body))
            });
            keep("errors", folder, &name, &parts, &mut wrong);
            count += 1;
        }
    }
    all_kept(&wrong);
    assert!(count > 0, "no fixtures");
}

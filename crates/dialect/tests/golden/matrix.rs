//! Requests and whole answers.

use std::fmt::Write as _;

use mirk_dialect::{bridge, problem::render_failure};

use crate::{DIALECTS, all_kept, fixtures, is_kept, pretty, root, translate, way};

#[test]
fn every_request_in_every_dialect_is_as_it_was_looked_at() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (client, folder) in DIALECTS {
        for (name, body) in fixtures("requests", folder) {
            let body = String::from_utf8(body).unwrap();
            for (upstream, target) in DIALECTS {
                if upstream == client {
                    continue;
                }
                count += 1;
                let mut text = String::new();
                match translate(client, upstream, &body, false) {
                    Ok(translated) => {
                        writeln!(text, "{}", translated.notes.header()).unwrap();
                        text.push_str(&pretty(&translated.body));
                    }
                    Err(problem) => {
                        let (status, param) = (problem.kind.status(), problem.param);
                        writeln!(text, "refused: {status} {}", param.unwrap_or_default()).unwrap();
                        text.push_str(&problem.public);
                    }
                }
                text.push('\n');
                let stem = name.trim_end_matches(".json");
                let path = root()
                    .join("matrix/requests")
                    .join(folder)
                    .join(format!("{stem}.{target}.snap"));
                if !is_kept(&path, &text) {
                    wrong.push(format!("{folder}/{stem}.{target}"));
                }
            }
        }
    }
    all_kept(&wrong);
    assert!(
        count >= 60 * 4,
        "only {count} results: fixtures are missing"
    );
}

#[test]
fn every_answer_in_every_dialect_is_as_it_was_looked_at() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("replies", folder) {
            for (client, target) in DIALECTS {
                if upstream == client {
                    continue;
                }
                count += 1;
                let text = match way(client, upstream, false).reply(&body) {
                    Ok(reply) => pretty(&reply),
                    Err(malformed) => format!("malformed: {malformed}"),
                };
                let stem = name.trim_end_matches(".json");
                let path = root()
                    .join("matrix/replies")
                    .join(folder)
                    .join(format!("{stem}.{target}.snap"));
                if !is_kept(&path, &(text + "\n")) {
                    wrong.push(format!("{folder}/{stem}.{target}"));
                }
            }
        }
    }
    all_kept(&wrong);
    assert!(
        count >= 25 * 4,
        "only {count} results: fixtures are missing"
    );
}

#[test]
fn every_error_in_every_dialect_is_as_it_was_looked_at() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("errors", folder) {
            let status = name.split('_').next().unwrap().parse().unwrap();
            let failure = bridge::failure(status, &body);
            for (client, target) in DIALECTS {
                if upstream == client {
                    continue;
                }
                count += 1;
                let (status, body) = render_failure(client, &failure, "req_golden");
                let text = format!("{status}\n{}\n", pretty(&body));
                let stem = name.trim_end_matches(".json");
                let path = root()
                    .join("matrix/errors")
                    .join(folder)
                    .join(format!("{stem}.{target}.snap"));
                if !is_kept(&path, &text) {
                    wrong.push(format!("{folder}/{stem}.{target}"));
                }
            }
        }
    }
    all_kept(&wrong);
    assert!(count > 0, "fixtures are missing");
}

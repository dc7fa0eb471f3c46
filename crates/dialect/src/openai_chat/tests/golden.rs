//! The house's golden documents of this dialect.

use std::{fs, path::PathBuf};

use mirk_model::{Dialect, Operation, Thinks, Traits};

use super::{WIRE, notes};

fn folder(kind: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/golden", kind, "chat"]
        .iter()
        .collect()
}

#[test]
fn zz_probe() {
    for entry in fs::read_dir(folder("requests")).unwrap() {
        let path = entry.unwrap().path();
        let body = fs::read_to_string(&path).unwrap();
        let mut said = notes(Dialect::OpenAiChat);
        match (WIRE.read_ask)(Operation::Chat, &body, &mut said) {
            Err(error) => println!("{}: {error}", path.file_name().unwrap().display()),
            Ok((ask, _)) => {
                let traits = Traits { has_developer: true, thinks: Thinks::Effort, ..Traits::default() };
                let name = path.file_name().unwrap().display().to_string();
                match (WIRE.write_ask)(&ask, &traits, &mut said) {
                    Err(e) => println!("{name}: WRITE {}", e.public),
                    Ok(out) => {
                        let out = String::from_utf8(out).unwrap();
                        let (again, _) = (WIRE.read_ask)(Operation::Chat, &out, &mut said).unwrap();
                        println!("{name}: same={} {:?}", again == ask, said.said());
                    }
                }
            }
        }
    }
}

//! Pages that are made of the code: docs/config.md, docs/cli.md, docs/data-inventory.md and
//! docs/translation.md say what the code says. `UPDATE=1` writes them anew.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use mirk::clock::SystemClock;
use mirk::config::{SETTINGS, Sources};
use mirk::doctor::inventory::{ENTRIES, TRANSIENTS, columns, is_about_people_or_content};
use mirk_dialect::loss::{Fate, ROWS};
use mirk_store::{OpenOptions, Store};

use crate::harness::{Folder, binary};

/// The page at `path` is `text`, or becomes it when it is asked to.
fn keep(path: &str, text: &str) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if Sources::from_environment()
        .environment
        .get("UPDATE")
        .is_some_and(|value| value == "1")
    {
        fs::write(&place, text).unwrap();
    }
    let kept = fs::read_to_string(&place).unwrap_or_default();
    let first = kept
        .lines()
        .zip(text.lines())
        .position(|(kept, made)| kept != made);
    assert!(
        kept == text,
        "{path} is not what the code says (from line {first:?}); UPDATE=1 writes it anew"
    );
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn config_page() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Made of `crates/mirk/src/config/settings.rs`; `UPDATE=1 cargo test -p mirk --test it docs` writes it anew.\n\n\
         A flag counts before the environment, the environment before the file, the file before the default.\n\
         The file is `$XDG_CONFIG_HOME/mirk/mirk.toml` (`~/.config/mirk/mirk.toml`), or the one that `--config` or\n\
         `MIRK_CONFIG` names; none is ever read from the working folder or a folder above it. It must be yours or\n\
         root's, and nobody else may be able to write it. It may refer to a secret (`env:NAME`, `file:/path`,\n\
         `keyring:service/name`, `credential:name`) and never hold one. A dot in a setting's name is a table:\n\
         `upstream.ca_file` is `ca_file` below `[upstream]`. `mirk config show` says what is in force and why,\n\
         `mirk config check` whether all of it can be used.\n\n\
         | setting | variable | default | what it does |\n|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!("`{}`", setting.default)
        };
        writeln!(
            page,
            "| `{}` | `{}` | {default} | {} |",
            setting.path,
            setting.env,
            cell(setting.about)
        )
        .unwrap();
    }
    page
}

#[test]
fn the_page_of_settings_says_what_the_settings_are() {
    keep("docs/config.md", &config_page());
}

#[test]
fn every_setting_is_spelt_as_its_variable_is() {
    for setting in SETTINGS {
        let expected = format!("MIRK_{}", setting.path.replace('.', "_").to_uppercase());
        assert_eq!(setting.env, expected);
        assert!(
            !setting.about.is_empty() && setting.about.ends_with('.'),
            "{}",
            setting.path
        );
    }
}

/// What `mirk WORDS --help` prints, if it does.
fn help(folder: &Folder, words: &[String]) -> Option<String> {
    let mut command: Command = binary(folder.path());
    let output = command.args(words).arg("--help").output().unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Writes down a command and those below it; gives those that have no help.
fn describe(folder: &Folder, words: &[String], page: &mut String) -> Vec<String> {
    let title = [&["mirk".to_owned()], words].concat().join(" ");
    let Some(text) = help(folder, words) else {
        return vec![title];
    };
    let level = "#".repeat(words.len().min(2) + 2);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let block = lines.join("\n");
    writeln!(
        page,
        "\n{level} {title}\n\n```text\n{}\n```",
        block.trim_end()
    )
    .unwrap();
    let below = listed(&text).into_iter();
    below
        .flat_map(|name| describe(folder, &[words, &[name]].concat(), page))
        .collect()
}

#[test]
fn every_command_says_how_it_is_called() {
    let silent = describe(&Folder::new(), &[], &mut String::new());
    assert!(silent.is_empty(), "--help fails: {silent:?}");
}

#[test]
fn the_page_of_commands_says_what_help_says() {
    let folder = Folder::new();
    let mut page = String::from(
        "# Commands\n\n\
         What `--help` says of every command; `UPDATE=1 cargo test -p mirk --test it docs` writes it anew.\n",
    );
    describe(&folder, &[], &mut page);
    assert!(page.contains("## mirk\n") && page.contains("#### mirk provider add\n"));
    keep("docs/cli.md", &page);
}

/// Table and column of a database that was made just now.
fn schema() -> Vec<(String, String)> {
    let folder = Folder::new();
    let options = OpenOptions {
        data_dir: folder.path().join("data"),
        create: true,
        clock: Arc::new(SystemClock::new()),
        anchors: None,
    };
    let store = Store::open(&options).unwrap();
    let found = columns(&store).unwrap();
    store.close().unwrap();
    found
}

fn explained() -> Vec<(String, String)> {
    let pairs = ENTRIES
        .iter()
        .flat_map(|entry| entry.columns.iter().map(|column| (entry.table, *column)));
    pairs
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect()
}

/// Columns without an entry, and entries without a column.
fn differences(schema: &[(String, String)], explained: &[(String, String)]) -> Vec<String> {
    let kept: BTreeSet<_> = schema.iter().collect();
    let said: BTreeSet<_> = explained.iter().collect();
    let missing = kept
        .difference(&said)
        .map(|(table, column)| format!("{table}.{column} is kept and not explained"));
    let gone = said
        .difference(&kept)
        .map(|(table, column)| format!("{table}.{column} is explained and not kept"));
    missing.chain(gone).collect()
}

#[test]
fn every_column_is_explained_and_every_explanation_has_a_column() {
    let (schema, explained) = (schema(), explained());
    let found = differences(&schema, &explained);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(schema.len(), explained.len(), "a column is explained twice");
    assert!(schema.len() > 90);
}

#[test]
fn an_unexplained_column_and_an_explanation_of_nothing_are_found() {
    let one = |column: &str| ("ledger".to_owned(), column.to_owned());
    let found = differences(&[one("at"), one("prompt")], &[one("at"), one("gone")]);
    assert_eq!(
        found,
        [
            "ledger.prompt is kept and not explained",
            "ledger.gone is explained and not kept"
        ]
    );
}

#[test]
fn no_column_is_for_addresses_or_for_what_was_said() {
    let found: Vec<_> = schema()
        .into_iter()
        .filter(|(_, column)| is_about_people_or_content(column))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

fn inventory_page() -> String {
    let mut page = String::from(
        "# What Mirk keeps\n\n\
         Made of the database's own schema and of `crates/mirk/src/doctor/inventory.rs`;\n\
         `UPDATE=1 cargo test -p mirk --test it docs` writes it anew. A column that is not explained here fails the tests.\n\n\
         No column is for the address of a client or for anything that was said to a model or by one.\n\n\
         ## On disk: `db/data.sqlite`\n",
    );
    let mut table = "";
    for entry in ENTRIES {
        if entry.table != table {
            table = entry.table;
            writeln!(page, "\n### {table}\n\n| columns | what, and why | protected by | kept |\n|---|---|---|---|").unwrap();
        }
        let columns = entry
            .columns
            .iter()
            .map(|column| format!("`{column}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let cells = [entry.why, entry.protection, entry.retention]
            .map(cell)
            .join(" | ");
        writeln!(page, "| {columns} | {cells} |").unwrap();
    }
    page.push_str(
        "\n## On disk: beside the database\n\n\
         | file | what, and why | kept |\n|---|---|---|\n\
         | `audit.anchor` | where the audit chain's end was, so that a cut shows | as long as the installation |\n\
         | `backups/` | copies of the database from before its schema changed | until you remove them |\n\
         | `mirk.lock` | empty; locked while Mirk runs | as long as the installation |\n\
         | `mirk.sock` | the command socket, for your user alone | until the next start |\n\n\
         ## In memory alone\n\n\
         | what | why | kept |\n|---|---|---|\n",
    );
    for transient in TRANSIENTS {
        let cells = [transient.what, transient.why, transient.retention]
            .map(cell)
            .join(" | ");
        writeln!(page, "| {cells} |").unwrap();
    }
    page
}

#[test]
fn the_inventory_says_what_the_database_keeps() {
    keep("docs/data-inventory.md", &inventory_page());
}

fn translation_page() -> String {
    let mut page = String::from(
        "# Translation\n\n\
         Made of `crates/dialect/src/loss/table.rs`; `UPDATE=1 cargo test -p mirk --test it docs` writes it anew.\n\n\
         A request goes to a provider that speaks its dialect as the bytes that came in. Where no such provider has the\n\
         model, Mirk says the same in a dialect that the provider speaks, and its answer in the client's. Then\n\
         `x-mirk-transforms` begins with `translated:<from>><to>`, and names all that was lost on the way:\n\n\
         - **kept**: carried over; nothing is said;\n\
         - **changed**: carried over in another form, said as `changed:<name>`;\n\
         - **dropped**: left out, said as `dropped:<name>`;\n\
         - **refused**: the request gets a 400 that names the field.\n\n\
         Fields that Mirk does not know, and those that one dialect alone has, are dropped and said by their own names.\n\
         Unknown roles and parts of messages are refused. A model may lack what its provider's dialect has; then the same\n\
         is said. Of an answer, what the client's dialect has no place for (a thought's signature has one everywhere) is\n\
         left out: sources in Ollama's, log probabilities in Anthropic's.\n\n\
         | name | at OpenAI Chat | at OpenAI Responses | at Anthropic | at Gemini | at Ollama | what it is |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in ROWS {
        let fates = row.fates.map(|fate| match fate {
            Fate::Kept => "kept",
            Fate::Changed => "changed",
            Fate::Dropped => "dropped",
            Fate::Refused => "**refused**",
        });
        writeln!(
            page,
            "| `{}` | {} | {} |",
            row.name,
            fates.join(" | "),
            cell(row.meaning)
        )
        .unwrap();
    }
    page
}

#[test]
fn the_page_of_losses_says_what_is_lost() {
    keep("docs/translation.md", &translation_page());
}

//! What a translation cannot carry over, and what becomes of it: one table for every field and
//! every target.
//!
//! Invariant: a writer that leaves something out says so here, and the table says whether that is
//! named in `x-mirk-transforms` or refused. A test asks every writer about every row.

mod table;

use mirk_model::{Dialect, Kind, Problem};

pub use table::ROWS;

/// What becomes of a feature at a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Carried over.
    Kept,
    /// Carried over in another form, which is named.
    Changed,
    /// Left out, which is named.
    Dropped,
    /// The request is refused with a 400 that names it.
    Refused,
}

/// Something that a request can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is explained by its row in the table")]
pub enum Feature {
    Seed,
    Choices,
    Logprobs,
    LogitBias,
    FrequencyPenalty,
    PresencePenalty,
    RepeatPenalty,
    Temperature,
    TopP,
    TopK,
    MinP,
    Stop,
    MaxTokens,
    User,
    Metadata,
    ServiceTier,
    Verbosity,
    ParallelCalls,
    ToolChoice,
    StrictTools,
    CustomTools,
    HostedTools,
    Namespaces,
    JsonObject,
    JsonSchema,
    Image,
    ImageUrl,
    ImageDetail,
    Document,
    DocumentUrl,
    DocumentText,
    Audio,
    Video,
    File,
    ThinkingText,
    ThinkingState,
    Reasoning,
    CacheMarks,
    CacheKey,
    Refusals,
    Citations,
    ToolErrors,
    ToolResultMedia,
    LateSystem,
    Developer,
    TurnName,
    Store,
    Previous,
    Background,
    BrokenArguments,
    MissingResults,
    OrphanResults,
    ToolNames,
    Schema,
    Own,
}

/// One row: a feature, what it is called in `x-mirk-transforms` and in the table, what it is, and
/// its fate at each target.
#[derive(Debug)]
pub struct Row {
    /// The feature.
    pub feature: Feature,
    /// What the header calls it.
    pub name: &'static str,
    /// What it is, and what `Changed` means for it.
    pub meaning: &'static str,
    /// At OpenAI Chat, Responses, Anthropic, Gemini, Ollama.
    pub fates: [Fate; 5],
}

/// The place of a dialect in [`Row::fates`].
pub const fn column(dialect: Dialect) -> usize {
    match dialect {
        Dialect::OpenAiChat => 0,
        Dialect::OpenAiResponses => 1,
        Dialect::Anthropic => 2,
        Dialect::Gemini => 3,
        Dialect::Ollama => 4,
    }
}

impl Feature {
    /// Its row. Every feature has one: a test says so.
    pub fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.feature == self)
    }

    /// What becomes of it at `target`.
    pub fn fate(self, target: Dialect) -> Fate {
        self.row()
            .and_then(|row| row.fates.get(column(target)).copied())
            .unwrap_or(Fate::Refused)
    }

    fn name(self) -> &'static str {
        self.row().map_or("unknown", |row| row.name)
    }
}

/// What happened to one request on its way to another dialect, in the order in which it happened,
/// each named once.
#[derive(Clone, Debug)]
pub struct Notes {
    client: Dialect,
    target: Dialect,
    said: Vec<String>,
}

/// The most names that are listed; a request of unknown fields alone must not make a large head.
const MOST: usize = 40;

impl Notes {
    /// Notes on a translation from `client` to `target`.
    pub const fn new(client: Dialect, target: Dialect) -> Self {
        Self {
            client,
            target,
            said: Vec::new(),
        }
    }

    /// The dialect of the client.
    pub const fn client(&self) -> Dialect {
        self.client
    }

    /// The dialect of the provider.
    pub const fn target(&self) -> Dialect {
        self.target
    }

    /// `feature` cannot be carried over as it is: notes what the table says, or refuses.
    ///
    /// # Errors
    /// When the table says that the request is refused.
    pub fn lose(&mut self, feature: Feature) -> Result<(), Problem> {
        match feature.fate(self.target) {
            Fate::Refused => Err(self.refuse(feature)),
            Fate::Changed => {
                self.changed(feature);
                Ok(())
            }
            // A row says `Kept` for what most models of the target take; this one does not.
            Fate::Dropped | Fate::Kept => {
                self.dropped(feature);
                Ok(())
            }
        }
    }

    /// `feature` was carried over in another form.
    pub fn changed(&mut self, feature: Feature) {
        self.say(format!("changed:{}", feature.name()));
    }

    /// `feature` was left out.
    pub fn dropped(&mut self, feature: Feature) {
        self.say(format!("dropped:{}", feature.name()));
    }

    /// A member that Mirk does not know, or that has no counterpart, was left out.
    pub fn dropped_field(&mut self, name: &str) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
        if name.len() <= 64 && !name.is_empty() && name.bytes().all(is_plain) {
            self.say(format!("dropped:{name}"));
        } else {
            self.say("dropped:unknown".to_owned());
        }
    }

    /// The refusal of `feature`.
    pub fn refuse(&self, feature: Feature) -> Problem {
        let (name, meaning) = feature
            .row()
            .map_or(("unknown", ""), |row| (row.name, row.meaning));
        let words = format!(
            "The provider of this model speaks {}, which has nothing for `{name}` ({meaning}). \
             Leave it out, or ask a model whose provider has it.",
            self.target
        );
        Problem::new(Kind::BadRequest, words).about(name)
    }

    fn say(&mut self, what: String) {
        if !self.said.contains(&what) && self.said.len() < MOST {
            self.said.push(what);
        }
    }

    /// What happened, for `x-mirk-transforms`: `translated:anthropic>openai-chat`, then
    /// `changed:…` and `dropped:…` each.
    pub fn header(&self) -> String {
        let mut header = format!("translated:{}>{}", self.client, self.target);
        for said in &self.said {
            header.push_str(", ");
            header.push_str(said);
        }
        header
    }

    /// What was changed and dropped, each as it stands in the header.
    pub fn said(&self) -> &[String] {
        &self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_has_one_row_and_a_name_of_its_own() {
        for row in ROWS {
            let same = |other: &&Row| other.feature == row.feature || other.name == row.name;
            assert_eq!(ROWS.iter().filter(same).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn names_that_clients_choose_cannot_break_the_header() {
        let mut notes = Notes::new(Dialect::Anthropic, Dialect::OpenAiChat);
        notes.dropped_field("mcp_servers");
        notes.dropped_field("a\r\nset-cookie: b");
        notes.dropped_field("mcp_servers");
        assert_eq!(
            notes.header(),
            "translated:anthropic>openai-chat, dropped:mcp_servers, dropped:unknown"
        );
    }
}

//! What a sweep says: how much was planted and searched, and where a marker was found. Never the
//! marker itself.

use serde_json::{Value, json};

use super::encode::ENCODINGS;

/// A marker, found where it should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The marker's class.
    pub class: &'static str,
    /// Where, by a name without any path of the server.
    pub place: String,
    /// How it was written there; `gzip>hex` is hex inside gzip.
    pub encoding: String,
    /// Offset in bytes from the beginning of the place, or of the compressed stream in it.
    pub offset: u64,
}

impl Finding {
    fn to_json(&self) -> Value {
        json!({"class": self.class, "place": self.place, "encoding": self.encoding, "offset": self.offset})
    }
}

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The classes that were planted.
    pub classes: Vec<&'static str>,
    /// The places that were searched.
    pub places: Vec<String>,
    /// Bytes that were searched.
    pub bytes: u64,
    /// Requests that were sent.
    pub requests: usize,
    /// Places that could not be read, as a count.
    pub unread: usize,
    /// What was found and must not be.
    pub findings: Vec<Finding>,
    /// What was found where the allowed list has it.
    pub allowed: Vec<Finding>,
    /// What was found in the process's memory; counted apart from the verdict.
    pub memory: Vec<Finding>,
    /// With the feature `leaky`: each planted leak by name, and whether it was found.
    pub leaks: Vec<(&'static str, bool)>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let list = |findings: &[Finding]| findings.iter().map(Finding::to_json).collect::<Vec<_>>();
        let mut value = json!({
            "ok": self.is_clean(),
            "markers": self.classes.len(),
            "places": self.places.len(),
            "findings": list(&self.findings),
            "bytes": self.bytes,
            "requests": self.requests,
            "encodings": ENCODINGS,
            "classes": self.classes,
            "place_names": self.places,
            "unread": self.unread,
            "allowed": list(&self.allowed),
            "memory": list(&self.memory),
        });
        if !self.leaks.is_empty()
            && let Some(fields) = value.as_object_mut()
        {
            let leaks: Vec<_> = self
                .leaks
                .iter()
                .map(|(name, found)| json!({"name": name, "found": found}))
                .collect();
            fields.insert("leaks".to_owned(), leaks.into());
        }
        value
    }

    /// For people, in one sentence.
    pub fn sentence(&self) -> String {
        let searched = format!(
            "{} markers, {} places, {} bytes, {} encodings",
            self.classes.len(),
            self.places.len(),
            self.bytes,
            ENCODINGS.len()
        );
        match self.findings.as_slice() {
            [] if self.classes.is_empty() => {
                "Nothing was planted, so nothing could be found: start the server first.".to_owned()
            }
            [] => format!("The sweep found nothing of what was said ({searched})."),
            found => {
                let mut kinds: Vec<_> = found
                    .iter()
                    .map(|finding| format!("{} in {}", finding.class, finding.place))
                    .collect();
                kinds.dedup();
                format!(
                    "The sweep found {}: {} ({searched}).",
                    found.len(),
                    kinds.join(", ")
                )
            }
        }
    }
}

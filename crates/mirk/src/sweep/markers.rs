//! Markers: words that occur nowhere else in the world, one for each class of things that must
//! not be kept.

use std::net::Ipv4Addr;

use data_encoding::{BASE32_NOPAD, BASE64};
use mirk_model::Entropy;

/// One marker. Its text is a secret of the run: it is searched for and never shown.
#[derive(Clone)]
pub struct Marker {
    /// What kind of thing it stands in for.
    pub class: &'static str,
    /// As it is planted.
    pub(super) text: String,
    /// The parts that give it away, each on its own.
    pub(super) cores: Vec<Vec<u8>>,
    /// Whether eight bytes of it in a row are a leak already.
    pub(super) has_windows: bool,
    /// When it is an address.
    pub(super) address: Option<Ipv4Addr>,
    /// Longer texts around it whose digests are looked for.
    pub(super) around: Vec<String>,
}

impl std::fmt::Debug for Marker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Marker")
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// How long a secret must be for its parts to count as leaks of their own, in bytes.
const LONG_SECRET: usize = 24;

impl Marker {
    fn plain(class: &'static str, text: String, core: Vec<u8>) -> Self {
        Self {
            class,
            text,
            cores: vec![core],
            has_windows: false,
            address: None,
            around: Vec::new(),
        }
    }

    /// A marker for `class` that says which it is and which run it belongs to.
    pub(super) fn word(class: &'static str, run: &str, entropy: &dyn Entropy) -> Self {
        let core = letters(entropy, 10);
        Self::plain(
            class,
            format!("cnry-{class}-{run}-{core}"),
            core.into_bytes(),
        )
    }

    /// A marker of random bytes; its text is Base64.
    pub(super) fn bytes(class: &'static str, entropy: &dyn Entropy) -> Self {
        let mut core = vec![0; 24];
        entropy.fill(&mut core);
        Self::plain(class, BASE64.encode(&core), core)
    }

    /// A marker whose text is a secret that exists already. Of one of our own keys only the
    /// secret part counts: its id is public.
    pub fn secret(class: &'static str, text: &str) -> Self {
        let core = match text
            .strip_prefix("mrk_")
            .and_then(|rest| rest.splitn(4, '_').nth(3))
        {
            Some(rest) => rest.split_once('_').map_or(rest, |(secret, _crc)| secret),
            None => match text.rsplit_once('-') {
                Some((_, tail)) if tail.len() >= 16 => tail,
                _ => text,
            },
        };
        let has_windows = core.len() >= LONG_SECRET;
        Self {
            has_windows,
            ..Self::plain(class, text.to_owned(), core.as_bytes().to_vec())
        }
    }

    /// A long random secret that begins with `prefix`.
    pub(super) fn long_secret(class: &'static str, prefix: &str, entropy: &dyn Entropy) -> Self {
        Self::secret(class, &format!("{prefix}{}", letters(entropy, 25)))
    }

    /// The root key, as its file holds it: Base64 of 32 bytes, looked for as bytes too.
    pub(super) fn root(text: &str) -> Self {
        let mut marker = Self::secret("root-key", text);
        marker.cores.extend(BASE64.decode(text.as_bytes()));
        marker.has_windows = true;
        marker
    }

    /// The address that requests come from.
    pub(super) fn address(address: Ipv4Addr) -> Self {
        let text = address.to_string();
        let core = text.clone().into_bytes();
        Self {
            address: Some(address),
            ..Self::plain("client-address", text, core)
        }
    }

    /// Every text whose digest would be a leak.
    pub(super) fn wholes(&self) -> impl Iterator<Item = &[u8]> {
        let texts =
            std::iter::once(self.text.as_bytes()).chain(self.around.iter().map(String::as_bytes));
        texts.chain(self.cores.iter().map(Vec::as_slice))
    }
}

/// Lower-case letters and digits that stand for `bytes` random bytes.
pub(super) fn letters(entropy: &dyn Entropy, bytes: usize) -> String {
    let mut random = vec![0; bytes];
    entropy.fill(&mut random);
    BASE32_NOPAD.encode(&random).to_ascii_lowercase()
}

/// The markers of a run, one for each class.
#[derive(Clone, Debug, Default)]
pub struct Markers {
    list: Vec<Marker>,
}

/// Classes whose markers are words made for the run.
const WORDS: [&str; 21] = [
    "prompt",
    "system",
    "completion",
    "tool-args",
    "tool-call",
    "tool-result",
    "file-name",
    "metadata-user",
    "header",
    "user-agent",
    "cookie",
    "model-unknown",
    "path-unknown",
    "provider-error",
    "set-cookie",
    "bad-body",
    "cut-prompt",
    "embedding",
    "handle",
    "password",
    "query",
];

impl Markers {
    /// Those of `words` and `secrets` that need nothing to exist yet.
    pub(super) fn of_run(entropy: &dyn Entropy) -> Self {
        let run = letters(entropy, 5);
        let mut list: Vec<_> = WORDS
            .iter()
            .map(|class| Marker::word(class, &run, entropy))
            .collect();
        list.push(Marker::bytes("image", entropy));
        for (class, prefix) in [
            ("provider-key", "sim-"),
            ("other-provider-key", "sim-"),
            ("access-token", "sim-"),
            ("refresh-token", "sim-"),
            ("foreign-key", "sk-"),
        ] {
            list.push(Marker::long_secret(class, prefix, entropy));
        }
        for class in ["wrong-key", "query-key"] {
            let word = |length: usize| {
                letters(entropy, length)
                    .chars()
                    .take(length)
                    .collect::<String>()
            };
            list.push(Marker::secret(
                class,
                &format!("mrk_l_u_{}_{}_{}", word(12), word(43), word(6)),
            ));
        }
        Self { list }
    }

    /// Adds one.
    pub fn add(&mut self, marker: Marker) {
        self.list.push(marker);
    }

    /// The text of the marker of `class`; empty if there is none.
    pub(super) fn text(&self, class: &str) -> &str {
        self.find(class).map_or("", |marker| &marker.text)
    }

    pub(super) fn find(&self, class: &str) -> Option<&Marker> {
        self.list.iter().find(|marker| marker.class == class)
    }

    /// Notes a longer text that holds the marker of `class`, whose digest must not be kept.
    pub(super) fn around(&mut self, class: &str, text: &str) {
        if let Some(marker) = self.list.iter_mut().find(|marker| marker.class == class)
            && !marker.around.iter().any(|known| known == text)
        {
            marker.around.push(text.to_owned());
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Marker] {
        &self.list
    }
}

impl FromIterator<Marker> for Markers {
    fn from_iter<I: IntoIterator<Item = Marker>>(markers: I) -> Self {
        Self {
            list: markers.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mirk_vault::SystemEntropy;

    use super::*;

    #[test]
    fn of_a_key_the_secret_part_alone_is_sought() {
        let secret = "s".repeat(43);
        let marker = Marker::secret("api-key", &format!("mrk_l_u_abcdefghijkl_{secret}_crc123"));
        assert_eq!(marker.cores, [secret.as_bytes()]);
        assert!(marker.has_windows);
    }

    #[test]
    fn every_class_has_one_marker_and_no_two_are_alike() {
        let markers = Markers::of_run(&SystemEntropy);
        let mut classes: Vec<_> = markers.all().iter().map(|marker| marker.class).collect();
        let mut texts: Vec<_> = markers
            .all()
            .iter()
            .map(|marker| marker.text.as_str())
            .collect();
        let count = classes.len();
        for list in [&mut classes, &mut texts] {
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), count);
        }
    }

    #[test]
    fn debug_does_not_show_a_marker() {
        let markers = Markers::of_run(&SystemEntropy);
        let shown = format!("{markers:?}");
        assert!(
            markers
                .all()
                .iter()
                .all(|marker| !shown.contains(&marker.text))
        );
    }
}

//! What a marker can look like: every encoding of Appendix 1, as the bytes to look for.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

use super::{digest, markers::Marker, search::SHORTEST};

/// Bytes to look for, and what it means to find them.
#[derive(Clone)]
pub(super) struct Pattern {
    /// Index of the marker.
    pub(super) marker: usize,
    /// The encoding's name.
    pub(super) encoding: &'static str,
    /// At least [`SHORTEST`] of them.
    pub(super) bytes: Vec<u8>,
}

/// Digests are recognised by this many of their bytes.
const DIGEST_PREFIX: usize = 8;

/// The names of all encodings, compressed forms included.
pub(super) const ENCODINGS: [&str; 28] = [
    "raw",
    "uppercase",
    "hex",
    "base64",
    "base64url",
    "base32",
    "percent",
    "json",
    "html",
    "utf16le",
    "utf16be",
    "reversed",
    "quoted-printable",
    "ip-decimal",
    "ip-hex",
    "ip-octal",
    "ip-dashed",
    "ip-reversed",
    "sha256",
    "sha1",
    "md5",
    "blake3",
    "window",
    "gzip",
    "zlib",
    "deflate",
    "zstd",
    "brotli",
];

struct Forms {
    marker: usize,
    list: Vec<Pattern>,
}

impl Forms {
    fn add(&mut self, encoding: &'static str, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        if bytes.len() >= SHORTEST && !self.list.iter().any(|known| known.bytes == bytes) {
            self.list.push(Pattern {
                marker: self.marker,
                encoding,
                bytes,
            });
        }
    }

    fn each(&mut self, encoding: &'static str, core: &[u8], form: impl Fn(u8) -> String) {
        self.add(
            encoding,
            core.iter().map(|byte| form(*byte)).collect::<String>(),
        );
    }
}

/// Every form of the marker at `index`.
pub(super) fn forms(index: usize, marker: &Marker) -> Vec<Pattern> {
    let mut forms = Forms {
        marker: index,
        list: Vec::new(),
    };
    for core in &marker.cores {
        text_forms(&mut forms, core);
        if marker.has_windows {
            for window in core.windows(SHORTEST) {
                forms.add("window", window);
            }
        }
    }
    if let Some(address) = marker.address {
        address_forms(&mut forms, address.octets());
    }
    for whole in marker.wholes() {
        digest_forms(&mut forms, whole);
    }
    forms.list
}

fn text_forms(forms: &mut Forms, core: &[u8]) {
    forms.add("raw", core);
    if core.is_ascii() {
        forms.add("uppercase", core.to_ascii_uppercase());
        let wide = |unit: fn(u16) -> [u8; 2]| {
            core.iter()
                .flat_map(|byte| unit(u16::from(*byte)))
                .collect::<Vec<_>>()
        };
        forms.add("utf16le", wide(u16::to_le_bytes));
        forms.add("utf16be", wide(u16::to_be_bytes));
    }
    forms.add("reversed", core.iter().rev().copied().collect::<Vec<_>>());
    forms.add("hex", HEXLOWER.encode(core));
    forms.add("hex", HEXUPPER.encode(core));
    for shift in 0..3 {
        forms.add("base64", inner(&BASE64_NOPAD, 6, core, shift));
        forms.add("base64url", inner(&BASE64URL_NOPAD, 6, core, shift));
    }
    for shift in 0..5 {
        let text = inner(&BASE32_NOPAD, 5, core, shift);
        forms.add("base32", text.to_ascii_lowercase());
        forms.add("base32", text);
    }
    forms.each("percent", core, |byte| format!("%{byte:02x}"));
    forms.each("percent", core, |byte| format!("%{byte:02X}"));
    forms.each("json", core, |byte| format!("\\u{byte:04x}"));
    forms.each("json", core, |byte| format!("\\u{byte:04X}"));
    forms.each("html", core, |byte| format!("&#{byte};"));
    forms.each("html", core, |byte| format!("&#x{byte:x};"));
    forms.each("html", core, |byte| format!("&#x{byte:X};"));
    forms.each("quoted-printable", core, |byte| format!("={byte:02X}"));
    forms.each("quoted-printable", core, |byte| format!("={byte:02x}"));
}

/// The letters that depend on `core` alone when `shift` bytes stand before it and any after it.
fn inner(alphabet: &Encoding, bits: usize, core: &[u8], shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(core);
    let text = alphabet.encode(&bytes);
    let first = (shift * 8).div_ceil(bits);
    let last = bytes.len() * 8 / bits;
    text.get(first..last).unwrap_or_default().to_owned()
}

fn address_forms(forms: &mut Forms, octets: [u8; 4]) {
    let number = u32::from_be_bytes(octets);
    let joined = |between: &str, form: fn(&u8) -> String| {
        octets.iter().map(form).collect::<Vec<_>>().join(between)
    };
    let [a, b, c, d] = octets;
    forms.add("ip-decimal", number.to_string());
    forms.add("ip-decimal", number.swap_bytes().to_string());
    forms.add("ip-hex", format!("{number:08x}"));
    forms.add("ip-hex", format!("{number:08X}"));
    forms.add(
        "ip-hex",
        format!("{:x}:{:x}", number >> 16, number & 0xffff),
    );
    forms.add("ip-hex", joined(".", |octet| format!("0x{octet:x}")));
    forms.add("ip-octal", joined(".", |octet| format!("0{octet:o}")));
    forms.add("ip-octal", format!("0{number:o}"));
    forms.add("ip-dashed", joined("-", u8::to_string));
    forms.add("ip-reversed", format!("{d}.{c}.{b}.{a}"));
}

fn digest_forms(forms: &mut Forms, whole: &[u8]) {
    let mut digests = vec![
        ("sha256", digest::sha256(whole)),
        ("sha1", digest::sha1(whole)),
        ("md5", digest::md5(whole)),
    ];
    digests.extend(digest::blake3(whole).map(|digest| ("blake3", digest)));
    for (name, digest) in digests {
        let Some(prefix) = digest.get(..DIGEST_PREFIX) else {
            continue;
        };
        forms.add(name, prefix);
        forms.add(name, HEXLOWER.encode(prefix));
        forms.add(name, HEXUPPER.encode(prefix));
        for alphabet in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            forms.add(name, inner(alphabet, 6, prefix, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8], core: &str) -> Vec<&'static str> {
        let marker = Marker::secret("key", core);
        let mut names: Vec<_> = forms(0, &marker)
            .into_iter()
            .filter(|form| {
                text.windows(form.bytes.len())
                    .any(|window| window == form.bytes)
            })
            .map(|form| form.encoding)
            .collect();
        names.dedup();
        names
    }

    #[test]
    fn base64_and_base32_are_recognised_wherever_the_marker_begins() {
        let core = "k3y4markertext55";
        for before in 0..7 {
            let whole = format!("{}{core} and more", "x".repeat(before));
            assert_eq!(
                found(BASE64_NOPAD.encode(whole.as_bytes()).as_bytes(), core),
                ["base64"],
                "{before}"
            );
            assert_eq!(
                found(BASE32_NOPAD.encode(whole.as_bytes()).as_bytes(), core),
                ["base32"],
                "{before}"
            );
        }
    }

    #[test]
    fn every_escape_is_recognised() {
        let cases: [(&[u8], &str); 7] = [
            (b"x61626364656667683132", "hex"),
            (b"%61%62%63%64%65%66%67%68%31%32", "percent"),
            (
                b"\\u0061\\u0062\\u0063\\u0064\\u0065\\u0066\\u0067\\u0068\\u0031\\u0032",
                "json",
            ),
            (
                b"&#97;&#98;&#99;&#100;&#101;&#102;&#103;&#104;&#49;&#50;",
                "html",
            ),
            (b"=61=62=63=64=65=66=67=68=31=32", "quoted-printable"),
            (b"21hgfedcba", "reversed"),
            (b"a\0b\0c\0d\0e\0f\0g\0h\x001\x002\0", "utf16le"),
        ];
        for (text, name) in cases {
            assert_eq!(found(text, "abcdefgh12"), [name]);
        }
    }

    #[test]
    fn a_digest_is_recognised_by_its_first_bytes() {
        // SHA-256 of "abc", as a log would shorten it; a marker itself is longer than this.
        let mut forms = Forms {
            marker: 0,
            list: Vec::new(),
        };
        digest_forms(&mut forms, b"abc");
        assert!(
            forms
                .list
                .iter()
                .any(|form| form.bytes == b"ba7816bf8f01cfea" && form.encoding == "sha256")
        );
    }

    #[test]
    fn an_address_is_recognised_in_every_form() {
        let marker = Marker::address([127, 9, 8, 7].into());
        let texts: Vec<_> = forms(0, &marker)
            .into_iter()
            .map(|form| form.bytes)
            .collect();
        for text in [
            "127.9.8.7",
            "2131298311",
            "7f090807",
            "0x7f.0x9.0x8.0x7",
            "0177.011.010.07",
            "127-9-8-7",
            "7f09:807",
        ] {
            assert!(texts.iter().any(|known| known == text.as_bytes()), "{text}");
        }
    }
}

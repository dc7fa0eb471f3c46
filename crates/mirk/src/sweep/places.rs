//! Where a sweep looks: files, captured output, what the system shows of a process, answers.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    encode::{self, Pattern},
    ground::{Allowed, Ground, allowed},
    inflate,
    markers::Markers,
    report::{Finding, Report},
    search::Searcher,
};

/// Files are read in pieces of this size; compressed streams are opened within one.
const PIECE: usize = 32 * 1024 * 1024;

/// How deep compressed streams inside compressed streams are opened.
const DEPTH: usize = 3;

/// The most entries that are looked at below one folder.
const MOST_ENTRIES: usize = 200_000;

/// The most of one mapping of a process's memory that is read, in bytes.
const MOST_MAPPING: u64 = 1024 * 1024 * 1024;

/// A sweep at work: what to look for, and what was found so far.
pub(super) struct Hunt {
    searcher: Searcher,
    classes: Vec<&'static str>,
    allowed: Vec<Allowed>,
    report: Report,
}

impl Hunt {
    /// Prepares to look for `markers`.
    pub(super) fn new(markers: &Markers) -> Self {
        let forms: Vec<Pattern> = markers
            .all()
            .iter()
            .enumerate()
            .flat_map(|(index, marker)| encode::forms(index, marker))
            .collect();
        let classes: Vec<_> = markers.all().iter().map(|marker| marker.class).collect();
        let report = Report {
            classes: classes.clone(),
            ..Report::default()
        };
        Self {
            searcher: Searcher::new(forms),
            classes,
            allowed: allowed(),
            report,
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> Report {
        self.report
    }

    /// Goes on with a report that was begun: places that were searched twice count once.
    pub(super) fn resume(&mut self, mut report: Report) {
        report.classes.clone_from(&self.classes);
        self.report = report;
    }

    /// Searches `bytes`, which are a place of their own.
    pub(super) fn bytes(&mut self, ground: Ground, place: &str, bytes: &[u8]) {
        self.begin(place);
        self.piece(ground, place, 0, bytes);
    }

    /// Searches everything below `folder`, names included.
    pub(super) fn folder(&mut self, name: &str, folder: &Path) {
        self.walk(name, folder, None, &[]);
    }

    /// Searches what changed below `folder` since `since` (seconds since 1970), but for the
    /// paths in `own`, which are looked at by themselves or are where they should be.
    pub(super) fn shared(&mut self, name: &str, folder: &Path, since: i64, own: &[&Path]) {
        self.walk(name, folder, Some(since), own);
    }

    fn walk(&mut self, name: &str, folder: &Path, since: Option<i64>, own: &[&Path]) {
        let mut waiting = vec![(folder.to_owned(), String::new())];
        let mut seen = 0_usize;
        while let Some((path, below)) = waiting.pop() {
            let Ok(entries) = fs::read_dir(&path) else {
                self.report.unread += usize::from(path.exists());
                continue;
            };
            for entry in entries.flatten() {
                seen += 1;
                let (Ok(metadata), true) = (entry.path().symlink_metadata(), seen <= MOST_ENTRIES)
                else {
                    continue;
                };
                let shown = self.name(name, &below, &entry.file_name().to_string_lossy());
                let is_new =
                    since.is_none_or(|since| metadata.mtime().max(metadata.ctime()) >= since);
                if own.contains(&entry.path().as_path()) {
                    continue;
                }
                if metadata.is_dir() {
                    waiting.push((entry.path(), shown));
                } else if metadata.is_symlink() && is_new {
                    let target = fs::read_link(entry.path()).unwrap_or_default();
                    let place = format!("{name}:{shown}");
                    self.bytes(Ground::Kept, &place, target.as_os_str().as_encoded_bytes());
                } else if metadata.is_file() && is_new {
                    self.file(Ground::Kept, &format!("{name}:{shown}"), &entry.path());
                }
            }
        }
    }

    /// The name of an entry below its folder. A name that holds a marker is a finding, and is not
    /// shown.
    fn name(&mut self, folder: &str, below: &str, name: &str) -> String {
        let is_telling = self.plain(
            Ground::Kept,
            &format!("{folder}:{below}(name)"),
            (0, ""),
            name.as_bytes(),
        );
        let shown = if is_telling { "(name)" } else { name };
        if below.is_empty() {
            shown.to_owned()
        } else {
            format!("{below}/{shown}")
        }
    }

    /// Searches one file, or anything that reads like one.
    pub(super) fn file(&mut self, ground: Ground, place: &str, path: &Path) {
        let Ok(mut file) = File::open(path) else {
            // What vanished in the meantime is not kept.
            self.report.unread += usize::from(path.exists());
            return;
        };
        self.begin(place);
        let overlap = self.searcher.longest();
        let (mut base, mut piece) = (0_u64, Vec::new());
        loop {
            let room = PIECE.saturating_sub(piece.len()) as u64;
            let Ok(count) = Read::by_ref(&mut file).take(room).read_to_end(&mut piece) else {
                self.report.unread += 1;
                return;
            };
            self.piece(ground, place, base, &piece);
            if count == 0 || piece.len() < PIECE {
                return;
            }
            let kept = piece.len().saturating_sub(overlap);
            piece.drain(..kept);
            base += kept as u64;
        }
    }

    /// Searches what the system shows of a process to any other process of the same user.
    pub(super) fn process(&mut self, name: &str, pid: u32) {
        let root = PathBuf::from(format!("/proc/{pid}"));
        for file in ["environ", "cmdline", "comm", "maps", "limits"] {
            self.file(Ground::Kept, &format!("{name}:{file}"), &root.join(file));
        }
        for task in fs::read_dir(root.join("task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            self.file(
                Ground::Kept,
                &format!("{name}:task/comm"),
                &task.path().join("comm"),
            );
        }
        for entry in fs::read_dir(root.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let Ok(target) = fs::read_link(entry.path()) else {
                continue;
            };
            let number = entry.file_name().to_string_lossy().into_owned();
            self.bytes(
                Ground::Kept,
                &format!("{name}:fd/{number} (name)"),
                target.as_os_str().as_encoded_bytes(),
            );
            // Opened through the descriptor: a deleted file is still there.
            let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
            let is_gone = target.to_string_lossy().ends_with(" (deleted)");
            if is_file && is_gone {
                self.file(
                    Ground::Kept,
                    &format!("{name}:fd/{number} (deleted)"),
                    &entry.path(),
                );
            }
        }
    }

    /// Searches the writable memory of a process. Needs the right to trace it.
    pub(super) fn memory(&mut self, name: &str, pid: u32) {
        use std::os::unix::fs::FileExt;
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else {
            self.report.unread += 1;
            return;
        };
        for line in maps.lines() {
            let Some((range, rest)) = line.split_once(' ') else {
                continue;
            };
            let bounds = range
                .split_once('-')
                .map(|(start, end)| (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)));
            let Some((Ok(start), Ok(end))) = bounds else {
                continue;
            };
            if !rest.starts_with("rw") || end - start > MOST_MAPPING {
                continue;
            }
            let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                let kind = rest
                    .rsplit(' ')
                    .next()
                    .filter(|kind| kind.starts_with('['))
                    .unwrap_or("mapping");
                self.begin(&format!("{name}:{kind}"));
                self.plain(
                    Ground::Memory,
                    &format!("{name}:{kind}"),
                    (start, ""),
                    &bytes,
                );
            }
        }
    }

    fn begin(&mut self, place: &str) {
        if !self.report.places.iter().any(|known| known == place) {
            self.report.places.push(place.to_owned());
        }
    }

    fn piece(&mut self, ground: Ground, place: &str, base: u64, bytes: &[u8]) {
        self.report.bytes += bytes.len() as u64;
        self.plain(ground, place, (base, ""), bytes);
        self.inflated(ground, place, (base, "", DEPTH), bytes);
    }

    /// Opens compressed streams and searches what is in them, and so on.
    fn inflated(
        &mut self,
        ground: Ground,
        place: &str,
        (base, outer, depth): (u64, &str, usize),
        bytes: &[u8],
    ) {
        if depth == 0 {
            return;
        }
        let mut opened = Vec::new();
        inflate::carve(bytes, &mut |kind, at, out| {
            let prefix = format!("{outer}{kind}>");
            let from = base + at as u64;
            self.plain(ground, place, (from, &prefix), out);
            // A stream of streams is rare: only what looks like one again is kept for a second look.
            if inflate::looks_compressed(out) {
                opened.push((prefix, from, out.to_vec()));
            }
        });
        for (prefix, from, out) in opened {
            self.inflated(ground, place, (from, &prefix, depth - 1), &out);
        }
    }

    /// Looks for every form in `bytes` as they are; whether any was there.
    fn plain(
        &mut self,
        ground: Ground,
        place: &str,
        (base, prefix): (u64, &str),
        bytes: &[u8],
    ) -> bool {
        let mut is_found = false;
        let (classes, allowed, report) = (&self.classes, &self.allowed, &mut self.report);
        self.searcher.scan(bytes, &mut |pattern, at| {
            let Some(class) = classes
                .get(pattern.marker)
                .copied()
                .filter(|class| ground.forbids(class))
            else {
                return;
            };
            is_found = true;
            // Inside a compressed stream the offset is the stream's own beginning.
            let offset = if prefix.is_empty() {
                base + at as u64
            } else {
                base
            };
            let encoding = format!("{prefix}{}", pattern.encoding);
            let finding = Finding {
                class,
                place: place.to_owned(),
                encoding,
                offset,
            };
            let is_allowed = allowed
                .iter()
                .any(|line| line.class == class && place.starts_with(line.place));
            let list = match ground {
                Ground::Memory => &mut report.memory,
                _ if is_allowed => &mut report.allowed,
                _ => &mut report.findings,
            };
            let is_known = |known: &Finding| {
                (known.class, &known.place, &known.encoding)
                    == (class, &finding.place, &finding.encoding)
            };
            if !list.iter().any(is_known) {
                list.push(finding);
            }
        });
        is_found
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::sweep::markers::Marker;

    const SECRET: &str = "needle-abcdefghijklmnop";

    fn hunt() -> Hunt {
        Hunt::new(&Markers::from_iter([Marker::secret("prompt", SECRET)]))
    }

    fn found(report: &Report) -> Vec<(&str, &str, u64)> {
        report
            .findings
            .iter()
            .map(|finding| {
                (
                    finding.place.as_str(),
                    finding.encoding.as_str(),
                    finding.offset,
                )
            })
            .collect()
    }

    #[test]
    fn streams_inside_streams_are_searched() {
        let zip = |bytes: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        };
        let mut outer = b"head".to_vec();
        outer.extend(zip(&zip(SECRET.as_bytes())));
        let mut hunt = hunt();
        hunt.bytes(Ground::Kept, "data:x", &outer);
        assert!(found(&hunt.finish()).contains(&("data:x", "gzip>gzip>raw", 4)));
    }

    #[test]
    fn an_allowed_place_does_not_excuse_another_class() {
        let mut hunt = Hunt::new(&Markers::from_iter([
            Marker::secret("handle", SECRET),
            Marker::secret("prompt", "other-0123456789abcdef"),
        ]));
        hunt.bytes(
            Ground::Kept,
            "data:db/data.sqlite",
            b"needle-abcdefghijklmnop other-0123456789abcdef",
        );
        let report = hunt.finish();
        assert_eq!(report.allowed.len(), 1);
        assert_eq!(found(&report), [("data:db/data.sqlite", "raw", 30)]);
    }

    #[test]
    fn a_name_that_holds_a_marker_is_found_and_not_shown() {
        let folder = std::env::temp_dir().join(format!("mirk-places-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(SECRET), b"nothing").unwrap();
        let mut hunt = hunt();
        // The second time it is known already, and still not shown.
        hunt.folder("data", &folder);
        hunt.folder("data", &folder);
        fs::remove_dir_all(&folder).unwrap();
        let report = hunt.finish();
        assert!(!report.findings.is_empty());
        assert!(!report.to_json().to_string().contains("abcdefghijklmnop"));
    }
}

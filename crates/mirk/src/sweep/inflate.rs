//! Compressed streams inside other bytes: found by how they begin, and opened.

use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// The most that is taken out of one stream.
const MOST_OUT: u64 = 16 * 1024 * 1024;

/// Streams without a mark at their beginning are tried where the bytes as a whole are at most
/// this many.
const MOST_WHOLE: usize = 4 * 1024 * 1024;

/// The most streams that are opened in one piece; bytes that only look like one fail at once.
const MOST_STREAMS: usize = 20_000;

/// Opens every compressed stream in `bytes` and shows `open` its kind, where it begins, and what
/// was in it. A stream that breaks off gives what comes before the break.
pub(super) fn carve(bytes: &[u8], open: &mut dyn FnMut(&'static str, usize, &[u8])) {
    let mut show = |kind: &'static str, at: usize, reader: &mut dyn Read| {
        let out = drain(reader);
        if !out.is_empty() {
            open(kind, at, &out);
        }
    };
    let mut streams = 0;
    for at in memchr::memchr3_iter(0x1f, 0x78, 0x28, bytes) {
        let Some(rest) = bytes.get(at..) else { break };
        match rest {
            [0x1f, 0x8b, 8, ..] => show("gzip", at, &mut GzDecoder::new(rest)),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => show("zlib", at, &mut ZlibDecoder::new(rest)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                if let Ok(mut decoder) = ruzstd::decoding::StreamingDecoder::new(rest) {
                    show("zstd", at, &mut decoder);
                }
            }
            _ => continue,
        }
        streams += 1;
        if streams >= MOST_STREAMS {
            break;
        }
    }
    if bytes.len() <= MOST_WHOLE {
        show("deflate", 0, &mut DeflateDecoder::new(bytes));
        show(
            "brotli",
            0,
            &mut brotli_decompressor::Decompressor::new(bytes, 4_096),
        );
    }
}

/// Whether a compressed stream with a mark begins in `bytes`.
pub(super) fn looks_compressed(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 3] = [b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c"];
    MARKS
        .iter()
        .any(|mark| memchr::memmem::find(bytes, mark).is_some())
}

/// What `reader` gives before it ends or fails.
fn drain(reader: &mut dyn Read) -> Vec<u8> {
    let mut out = Vec::new();
    let mut piece = [0; 8 * 1024];
    while (out.len() as u64) < MOST_OUT {
        match reader.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => out.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write};

    use super::*;

    fn carved(bytes: &[u8]) -> Vec<(&'static str, usize)> {
        let mut found = Vec::new();
        carve(bytes, &mut |kind, at, out| {
            if out.windows(9).any(|window| window == b"needle-42") {
                found.push((kind, at));
            }
        });
        found
    }

    fn written(mut encoder: impl Write) {
        encoder.write_all(b"hay hay hay needle-42 hay hay").unwrap();
    }

    #[test]
    fn gzip_and_zlib_are_opened_where_they_begin_among_other_bytes() {
        let (mut gzip, mut zlib) = (b"before".to_vec(), b"before".to_vec());
        written(write::GzEncoder::new(&mut gzip, Compression::best()));
        written(write::ZlibEncoder::new(&mut zlib, Compression::default()));
        assert_eq!(carved(&gzip), [("gzip", 6)]);
        assert_eq!(carved(&zlib), [("zlib", 6)]);
        // Cut off before its checksum, as in a log that is still written.
        assert_eq!(carved(&gzip[..gzip.len() - 8]), [("gzip", 6)]);
    }

    #[test]
    fn raw_deflate_zstd_and_brotli_are_opened() {
        let mut deflate = Vec::new();
        written(write::DeflateEncoder::new(
            &mut deflate,
            Compression::default(),
        ));
        assert_eq!(carved(&deflate), [("deflate", 0)]);
        // A zstd frame with one raw block, and a brotli stream with one uncompressed meta-block.
        let text = b"hay hay hay needle-42 hay hay";
        let mut zstd = b"xx\x28\xb5\x2f\xfd\x20\x1d".to_vec();
        zstd.extend_from_slice(&((29_u32 << 3) | 1).to_le_bytes()[..3]);
        zstd.extend_from_slice(text);
        assert_eq!(carved(&zstd), [("zstd", 2)]);
        let mut brotli = brotli_stored(text);
        brotli.push(0x03);
        assert_eq!(carved(&brotli), [("brotli", 0)]);
    }

    /// RFC 7932: window bits 16 (one 0 bit), ISLAST 0, MNIBBLES 4, MLEN-1, ISUNCOMPRESSED 1.
    fn brotli_stored(text: &[u8]) -> Vec<u8> {
        let head = ((u32::try_from(text.len()).unwrap() - 1) << 4) | (1 << 20);
        let mut bytes = head.to_le_bytes()[..3].to_vec();
        bytes.extend_from_slice(text);
        bytes
    }
}

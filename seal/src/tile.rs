//! `c2sp.org/tlog-tiles` v0.1.0: the paths of tiles and entry bundles, and the bytes of an entry bundle.

use crate::merkle::Hash;

/// Entries or hashes in a full tile.
pub const WIDTH: u64 = 256;
/// The longest entry: its length is written in two bytes.
pub const MAX_ENTRY: usize = 65_535;

/// A tile of hashes (`level` given) or a bundle of entries, at `index`, with `width` of 1 to 256 items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Tree level in units of 8, or `None` for entries.
    pub level: Option<u8>,
    /// Which tile at that level, from 0.
    pub index: u64,
    /// How many items; below 256 the tile is partial.
    pub width: u16,
}

impl Tile {
    /// The path under the log's prefix, for example `tile/0/x001/234.p/7`.
    pub fn path(&self) -> String {
        let level = self.level.map_or("entries".to_owned(), |level| level.to_string());
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let partial = if u64::from(self.width) == WIDTH { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{number}{partial}")
    }

    /// Parses a path; only the one canonical form is a path.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let level = if level == "entries" { None } else { Some(level.parse::<u8>().ok().filter(|l| *l < 64)?) };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse::<u16>().ok()?),
            None => (rest, WIDTH as u16),
        };
        let mut index = 0u64;
        for part in number.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            if digits.len() != 3 {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse::<u64>().ok()?)?;
        }
        let tile = Self { level, index, width };
        ((1..=WIDTH as u16).contains(&width) && tile.path() == path).then_some(tile)
    }
}

/// The bytes of an entry bundle: each entry behind its length, big-endian in two bytes.
/// Entries above [`MAX_ENTRY`] cannot be written; the central log refuses them before.
pub fn write_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        debug_assert!(entry.len() <= MAX_ENTRY);
        out.extend_from_slice(&(entry.len() as u16).to_be_bytes());
        out.extend_from_slice(entry);
    }
    out
}

/// Reads an entry bundle; `None` when its bytes do not come out even.
pub fn read_entries(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        entries.push(rest.get(..length)?);
        bytes = &rest[length..];
    }
    Some(entries)
}

/// The bytes of a tile of hashes.
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, index, width| Tile { level, index, width };
        for (tile, path) in [
            (tile(Some(0), 0, 256), "tile/0/000"),
            (tile(Some(3), 1_234_067, 256), "tile/3/x001/x234/067"),
            (tile(None, 255, 8), "tile/entries/255.p/8"),
            (tile(Some(1), 1000, 1), "tile/1/x001/000.p/1"),
        ] {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for bad in [
            "tile/0/0",
            "tile/64/000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000/",
            "tile/00/000",
            "tile/0/+01",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn entries_come_back() {
        let bytes = write_entries([&b"a"[..], b"", b"xyz"]);
        assert_eq!(read_entries(&bytes), Some(vec![&b"a"[..], b"", b"xyz"]));
        assert_eq!(read_entries(&bytes[..bytes.len() - 1]), None);
    }
}

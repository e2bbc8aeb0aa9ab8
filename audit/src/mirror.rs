//! A copy of the whole central log, as `tlog-tiles` lays it out: a folder that `wget --mirror` or `rsync` filled, or the log's own
//! address. Every entry is read and hashed; of the log's own hash tiles none is believed or needed.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use muster_seal::central::{ContactLeaf, Leaf, SealLeaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::life::{Life, LifeError};
use muster_seal::merkle::{Edge, Hash, leaf_hash, node_hash};
use muster_seal::policy::Witnessed;
use muster_seal::tile::{MAX_ENTRY, Tile, WIDTH, read_entries};
use thiserror::Error;

use crate::trust::Trust;
use crate::verify::Held;

/// The whole log at one checkpoint: its hashes, and the leaves about devices' lives.
#[derive(Debug)]
pub struct Mirror {
    witnessed: Witnessed,
    /// Level by level, from the leaves up, the roots of the perfect subtrees.
    levels: Vec<Vec<Hash>>,
    /// For each device the leaves about its life, with their index.
    lives: HashMap<String, Vec<(u64, Leaf)>>,
    /// For each device the index of the leaf about the contact with a counter.
    contacts: HashMap<String, HashMap<u64, u64>>,
    /// For each device the entry that used a counter up, a seal or a contact.
    used: HashMap<String, HashMap<u64, u64>>,
}

/// Something that an auditor has and the mirror does not say, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MirrorDefect {
    /// The mirror ends before what it is compared with.
    #[error(
        "the mirror has {have} entries and this needs {need}: fetch the log anew; if it stays so, the bureau went back"
    )]
    Older {
        /// The mirror's size.
        have: u64,
        /// The size it must reach.
        need: u64,
    },
    /// The log of the mirror is another one.
    #[error("the central log at {size} entries is another one in the mirror: the bureau shows two histories")]
    Prefix {
        /// At which size.
        size: u64,
    },
    /// Another leaf stands at the index.
    #[error("entry #{index} of the mirror is another one: {what}")]
    Entry {
        /// Where.
        index: u64,
        /// What should be there.
        what: &'static str,
    },
    /// A contact in the bundle is none of the log's.
    #[error("the contact with counter {counter} does not stand in the mirror as it stands in the bundle")]
    Contact {
        /// Which.
        counter: u64,
    },
    /// A leaf about the device is in the log and not in the bundle.
    #[error("entry #{index} is about device {device} and was left out of the bundle")]
    LeftOut {
        /// Where.
        index: u64,
        /// Which device.
        device: String,
    },
    /// With what the log says today the session does not count, or the device has no life.
    #[error("by the mirror: {0}")]
    Life(#[from] LifeError),
}

/// Where a log's files are.
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// An address under which the files are.
    #[cfg(feature = "online")]
    Address(String),
}

impl Source {
    /// A folder, or an address where it begins with `http`.
    ///
    /// # Errors
    /// An address, in a build without the feature `online`.
    pub fn parse(text: &str) -> Result<Self> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        #[cfg(feature = "online")]
        return Ok(Self::Address(text.trim_end_matches('/').to_owned()));
        #[cfg(not(feature = "online"))]
        bail!(
            "{text}: this build reads no network: copy the log into a folder first, or build with the feature `online`"
        )
    }

    /// A file's bytes, at most `max`; `None` where there is no such file.
    fn get(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(path);
                match std::fs::read(&file) {
                    Ok(bytes) if bytes.len() as u64 <= max => Ok(Some(bytes)),
                    Ok(_) => bail!("{} is longer than {max} bytes", file.display()),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(e) => Err(e).with_context(|| format!("cannot read {}", file.display())),
                }
            }
            #[cfg(feature = "online")]
            Self::Address(base) => {
                let url = format!("{base}/{path}");
                match ureq::get(&url).call() {
                    Ok(mut answer) => {
                        let body = answer.body_mut().with_config().limit(max).read_to_vec();
                        Ok(Some(body.with_context(|| format!("cannot read {url}"))?))
                    }
                    Err(ureq::Error::StatusCode(404)) => Ok(None),
                    Err(e) => Err(e).with_context(|| format!("cannot read {url}")),
                }
            }
        }
    }
}

impl Mirror {
    /// Reads a whole log. Its checkpoint must hold under the trust file, and the entries must hash to its root.
    ///
    /// # Errors
    /// Files that are missing or not in their form, a checkpoint that does not hold, entries that are not those it covers.
    pub fn read(source: &Source, trust: &Trust) -> Result<Self> {
        let note = source.get("checkpoint", 1 << 20)?.context("there is no file `checkpoint`: this is no log")?;
        let witnessed = trust.check(&note).context("checkpoint")?;
        if let Some(second) = &trust.second {
            let (name, key) = (muster_seal::key::Verifier::name(&trust.log), trust.log.key());
            muster_seal::second::check(&note, name, &key, second).context("checkpoint")?;
        }
        let size = witnessed.checkpoint.size;
        let mut edge = Edge::default();
        let mut mirror = Self {
            witnessed,
            levels: Vec::new(),
            lives: HashMap::new(),
            contacts: HashMap::new(),
            used: HashMap::new(),
        };
        for index in 0..size.div_ceil(WIDTH) {
            let width = (size - index * WIDTH).min(WIDTH);
            let bytes = tile(source, index, width)?;
            let path = || Tile { level: None, index, width: width as u16 }.path();
            let entries = read_entries(&bytes).with_context(|| format!("{} is cut short", path()))?;
            // A full tile may stand where a partial one was.
            ensure!(entries.len() as u64 >= width, "{} has {} entries, not {width}", path(), entries.len());
            for entry in &entries[..width as usize] {
                let at = edge.size();
                edge.push_with(leaf_hash(entry), |level, _, hash| mirror.put(level, hash));
                mirror.take(at, entry).with_context(|| format!("entry #{at}"))?;
            }
        }
        ensure!(
            edge.root() == mirror.witnessed.checkpoint.root,
            "the entries do not hash to the root that the checkpoint signs: some file is not the log's"
        );
        Ok(mirror)
    }

    fn put(&mut self, level: u32, hash: Hash) {
        let level = level as usize;
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(hash);
    }

    fn take(&mut self, index: u64, entry: &[u8]) -> Result<()> {
        let leaf = Leaf::parse(entry)?;
        if let Leaf::Seal(SealLeaf { device, counter, .. }) | Leaf::Contact(ContactLeaf { device, counter, .. }) = &leaf
            && let Some(first) = self.used.entry(device.clone()).or_default().insert(*counter, index)
        {
            bail!(
                "it uses counter {counter} of {device}, which entry #{first} did before: the log holds two histories"
            );
        }
        let about = match &leaf {
            Leaf::Enrol(e) => vec![&e.device],
            Leaf::Revoke(r) => vec![&r.device],
            Leaf::Rotate(r) => vec![&r.device],
            Leaf::Replace(r) => vec![&r.device, &r.old],
            Leaf::Contact(c) => {
                self.contacts.entry(c.device.clone()).or_default().insert(c.counter, index);
                return Ok(());
            }
            _ => return Ok(()),
        };
        for device in about {
            self.lives.entry(device.clone()).or_default().push((index, leaf.clone()));
        }
        Ok(())
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        self.witnessed.checkpoint.size
    }

    /// Its checkpoint, and who stands for it.
    pub fn witnessed(&self) -> &Witnessed {
        &self.witnessed
    }

    /// The leaves about a device's life, in order.
    pub fn life(&self, device: &str) -> &[(u64, Leaf)] {
        self.lives.get(device).map_or(&[], Vec::as_slice)
    }

    /// The root that the log had at a size; `None` beyond its end.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        if size > self.size() {
            return None;
        }
        // The perfect subtrees that tile the first `size` leaves, smallest first, one for each one bit.
        let mut root: Option<Hash> = None;
        for level in (0..64).filter(|level| size >> level & 1 == 1) {
            let index = (size >> level) - 1;
            let left = self.levels.get(level)?.get(usize::try_from(index).ok()?)?;
            root = Some(root.map_or(*left, |right| node_hash(left, &right)));
        }
        Some(root.unwrap_or_else(|| Edge::default().root()))
    }

    /// Is a checkpoint, whose signature was verified, one of this log's past?
    ///
    /// # Errors
    /// [`MirrorDefect::Older`], [`MirrorDefect::Prefix`].
    pub fn covers(&self, checkpoint: &Checkpoint) -> Result<(), MirrorDefect> {
        let size = checkpoint.size;
        match self.root_at(size) {
            None => Err(MirrorDefect::Older { have: self.size(), need: size }),
            Some(root) if root != checkpoint.root => Err(MirrorDefect::Prefix { size }),
            Some(_) => Ok(()),
        }
    }

    /// Does this leaf stand there?
    fn has(&self, index: u64, leaf: &Hash) -> bool {
        let at = usize::try_from(index).ok();
        at.and_then(|at| self.levels.first()?.get(at)).is_some_and(|hash| hash == leaf)
    }

    /// Compares a bundle that holds by itself with the log: its checkpoints are the log's past, its leaves stand where they
    /// stood, no leaf about the device up to its newest checkpoint was left out, and the session still counts.
    ///
    /// # Errors
    /// [`MirrorDefect`], the first that holds.
    pub fn holds(&self, held: &Held) -> Result<(), MirrorDefect> {
        self.covers(&held.covering.checkpoint)?;
        self.covers(&held.newest.checkpoint)?;
        let entry = leaf_hash(&Leaf::Seal(held.entry.clone()).line());
        if !self.has(held.index, &entry) {
            return Err(MirrorDefect::Entry { index: held.index, what: "the leaf about the seal is gone" });
        }
        for (index, leaf) in &held.life_leaves {
            if !self.has(*index, leaf) {
                return Err(MirrorDefect::Entry { index: *index, what: "a leaf about the device is gone" });
            }
        }
        for (counter, leaf) in held.contacts.iter().flat_map(|contacts| &contacts.leaves) {
            let index = self.contacts.get(&held.device).and_then(|all| all.get(counter));
            if !index.is_some_and(|index| self.has(*index, leaf)) {
                return Err(MirrorDefect::Contact { counter: *counter });
            }
        }
        let newest = held.newest.checkpoint.size;
        let told = |index: u64| held.life_leaves.iter().any(|(at, _)| *at == index);
        let mut known = self.life(&held.device).iter().map(|(index, _)| *index).take_while(|index| *index < newest);
        if let Some(index) = known.find(|index| !told(*index)) {
            return Err(MirrorDefect::LeftOut { index, device: held.device.clone() });
        }
        let life = Life::read(&held.device, self.life(&held.device).iter().map(|(index, leaf)| (*index, leaf)))?;
        life.key_at(held.counter)?;
        Ok(())
    }

    /// What the log says about a device since a size, in words.
    pub fn since(&self, device: &str, size: u64) -> Vec<(u64, String)> {
        let news = self.life(device).iter().filter(|(index, _)| *index >= size);
        let words = |leaf: &Leaf| match leaf {
            Leaf::Enrol(e) => format!("enrolled at {}", e.site),
            Leaf::Revoke(r) => format!("revoked after counter {}", r.counter),
            Leaf::Rotate(r) => format!("another key after counter {}", r.counter),
            Leaf::Replace(r) if r.old == device => format!("replaced by {} after counter {}", r.device, r.counter),
            Leaf::Replace(r) => format!("took the place of {}", r.old),
            _ => String::new(),
        };
        news.map(|(index, leaf)| (*index, words(leaf))).collect()
    }
}

/// A bundle of entries: the partial tile, or the full one that took its place.
fn tile(source: &Source, index: u64, width: u64) -> Result<Vec<u8>> {
    let max = WIDTH * (MAX_ENTRY as u64 + 2);
    for width in [width, WIDTH] {
        let path = Tile { level: None, index, width: width as u16 }.path();
        if let Some(bytes) = source.get(&path, max)? {
            return Ok(bytes);
        }
    }
    bail!("{} is missing", Tile { level: None, index, width: width as u16 }.path())
}

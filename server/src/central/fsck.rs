//! `muster-server log fsck`: derives everything again from the bytes, and says what does not agree. Changes nothing.
//!
//! From every leaf: hashes, nodes, the root of each checkpoint that was ever signed, each tile on disk to the byte. From
//! every stored log: its seal, its chain, its count under its assignment. And from the store back: every row that a
//! leaf made true has that leaf. It reads the *data*, not only the hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muster_hours::schedule::Assignment;
use muster_seal::central::{ContactLeaf, DocumentLeaf, Leaf, SealLeaf};
use muster_seal::chain::{Contact, Link, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::life::Life;
use muster_seal::merkle::{Edge, Hash, leaf_hash, sha256};
use muster_seal::session;
use muster_seal::tile::{self, Tile, WIDTH};
use rusqlite::Connection;

use crate::store::{Store, StoreError, checkpoints, devices, sessions};

mod stored;

/// What was looked at, and what does not agree.
#[derive(Debug, Default)]
pub struct Checked {
    /// Leaves of the central log.
    pub leaves: u64,
    /// Tiles and entry bundles on disk.
    pub tiles: u64,
    /// Checkpoints that were signed.
    pub checkpoints: u64,
    /// Session logs, record by record.
    pub logs: u64,
    /// Logs that were erased at the end of their retention: their seals were checked alone.
    pub erased: u64,
    /// What does not agree, in words.
    pub wrong: Vec<String>,
    /// What is on its way and mends itself: entries that are not published yet, or that no quorum stands for.
    pub told: Vec<String>,
}

/// Checks a data directory.
///
/// # Errors
/// [`StoreError`] when it cannot be read at all; what can be read and is wrong is in [`Checked::wrong`].
pub fn check(store: &Store) -> Result<Checked, StoreError> {
    let shown = stored::shown(store)?;
    store.read(|conn| {
        let tx = conn.unchecked_transaction()?; // one state, whatever is written meanwhile
        let mut all = Fsck {
            conn: &tx,
            domain: String::new(),
            lives: BTreeMap::new(),
            named: Vec::new(),
            checked: Checked::default(),
        };
        all.checked.wrong.extend(shown);
        all.domain = crate::store::setting(&tx, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        let sound: String = tx.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if sound != "ok" {
            all.wrong(format!("the database: {sound}"));
        }
        let roots = all.tree(&store.dir().join("log"))?;
        all.signed(&roots)?;
        all.leaves()?;
        all.stored()?;
        all.staged()?;
        all.documents()?;
        Ok(all.checked)
    })
}

struct Fsck<'a> {
    conn: &'a Connection,
    domain: String,
    /// Devices' lives, as the leaves say.
    lives: BTreeMap<String, Life>,
    /// The documents that leaves name.
    named: Vec<DocumentLeaf>,
    checked: Checked,
}

impl Fsck<'_> {
    fn wrong(&mut self, what: String) {
        self.checked.wrong.push(what);
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(checkpoints::head(self.conn)?.map_or(0, |head| head.edge.size()))
    }

    /// Hashes every leaf again; compares nodes and tiles. Gives the root at every size that a checkpoint was signed for.
    fn tree(&mut self, folder: &Path) -> Result<BTreeMap<u64, Hash>, StoreError> {
        let size = self.size()?;
        let published = checkpoints::head(self.conn)?.map_or(0, |head| head.published).min(size);
        let signed: BTreeSet<u64> = self.cosigned()?.into_iter().map(|(size, _)| size).chain([size]).collect();
        let (mut edge, mut roots) = (Edge::default(), BTreeMap::new());
        let mut levels: Vec<Vec<Hash>> = Vec::new();
        for start in (0..size).step_by(WIDTH as usize) {
            let end = size.min(start + WIDTH);
            let leaves = checkpoints::leaves(self.conn, start, end)?;
            let mut made = Vec::new();
            for leaf in &leaves {
                edge.push_with(leaf_hash(leaf), |level, index, hash| made.push((level, index, hash)));
                if signed.contains(&edge.size()) {
                    roots.insert(edge.size(), edge.root());
                }
            }
            for (level, index, hash) in made {
                if checkpoints::node(self.conn, level, index)? != hash {
                    self.wrong(format!("node {index} at level {level} is not what its leaves hash to"));
                }
                if level % 8 == 0 {
                    let tile = (level / 8) as usize;
                    levels.resize(levels.len().max(tile + 1), Vec::new());
                    levels[tile].push(hash);
                }
            }
            // What is on disk ends where publishing stood; a tile that grew since is there in its older width.
            let width = published.min(end).saturating_sub(start);
            if width > 0 {
                let tile = Tile { level: None, index: start / WIDTH, width: width as u16 };
                let want = tile::write_entries(leaves[..width as usize].iter().map(Vec::as_slice));
                self.tile(folder, tile, &want);
            }
        }
        for (level, hashes) in levels.iter().enumerate() {
            let there = (published >> (8 * level)) as usize;
            for (index, chunk) in hashes[..there.min(hashes.len())].chunks(WIDTH as usize).enumerate() {
                let tile = Tile { level: Some(level as u8), index: index as u64, width: chunk.len() as u16 };
                self.tile(folder, tile, &tile::write_hashes(chunk));
            }
        }
        self.checked.leaves = size;
        Ok(roots)
    }

    fn tile(&mut self, folder: &Path, tile: Tile, want: &[u8]) {
        let path = folder.join(tile.path());
        match std::fs::read(&path) {
            Ok(bytes) if bytes == want => self.checked.tiles += 1,
            Ok(_) => self.wrong(format!("{} is not what its leaves make", path.display())),
            Err(e) => self.wrong(format!("{}: {e}", path.display())),
        }
    }

    fn cosigned(&self) -> Result<Vec<(u64, String)>, StoreError> {
        let mut get = self.conn.prepare("SELECT size, note FROM cosigned ORDER BY size")?;
        let rows = get.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every checkpoint that was signed is of this log, as it was at that size.
    fn signed(&mut self, roots: &BTreeMap<u64, Hash>) -> Result<(), StoreError> {
        let key = checkpoints::verifier(self.conn)?;
        let mut notes = self.cosigned()?;
        notes.extend(checkpoints::head(self.conn)?.map(|head| (head.edge.size(), head.note)));
        for (size, note) in notes {
            self.checked.checkpoints += 1;
            match Checkpoint::open(note.as_bytes(), &key) {
                Ok(checkpoint) if checkpoint.size == size && roots.get(&size) == Some(&checkpoint.root) => {}
                Ok(_) => {
                    self.wrong(format!("the checkpoint of {size} entries has another size or root than its leaves"))
                }
                Err(e) => self.wrong(format!("the checkpoint of {size} entries: {e}")),
            }
        }
        Ok(())
    }

    /// Every leaf says what the store says, and every log is what was sealed.
    fn leaves(&mut self) -> Result<(), StoreError> {
        let mut lives: BTreeMap<String, Vec<(u64, Leaf)>> = BTreeMap::new();
        let mut used: BTreeMap<(String, u64), (u64, Leaf)> = BTreeMap::new();
        for start in (0..self.checked.leaves).step_by(WIDTH as usize) {
            let end = self.checked.leaves.min(start + WIDTH);
            for (index, line) in (start..end).zip(checkpoints::leaves(self.conn, start, end)?) {
                let leaf = match Leaf::parse(&line) {
                    Ok(leaf) => leaf,
                    Err(e) => {
                        self.wrong(format!("leaf #{index}: {e}"));
                        continue;
                    }
                };
                for device in stored::about(&leaf) {
                    lives.entry(device.to_owned()).or_default().push((index, leaf.clone()));
                }
                if let Leaf::Document(document) = &leaf {
                    self.named.push(document.clone());
                }
                let key = match &leaf {
                    Leaf::Seal(l) => Some((l.device.clone(), l.counter)),
                    Leaf::Contact(l) => Some((l.device.clone(), l.counter)),
                    _ => None,
                };
                if let Some(key) = key
                    && let Some((first, _)) = used.insert(key.clone(), (index, leaf))
                {
                    self.wrong(format!("leaves #{first} and #{index} use counter {} of {} twice", key.1, key.0));
                }
            }
        }
        let mut read = BTreeMap::new();
        for (device, leaves) in &lives {
            match Life::read(device, leaves.iter().map(|(index, leaf)| (*index, leaf))) {
                Ok(life) => drop(read.insert(device.clone(), life)),
                Err(e) => self.wrong(format!("device {device}: {e}")),
            }
            let stored: Vec<u64> = devices::leaves(self.conn, device)?.into_iter().map(|(index, ..)| index).collect();
            if stored != leaves.iter().map(|(index, _)| *index).collect::<Vec<_>>() {
                self.wrong(format!("device {device}: the store lists other leaves about it than the log holds"));
            }
        }
        self.lives.clone_from(&read);
        let mut links: BTreeMap<&str, Link> = BTreeMap::new();
        for ((device, counter), (index, leaf)) in &used {
            let Some(life) = read.get(device) else {
                self.wrong(format!("leaf #{index} is of device {device}, which no leaf enrols"));
                continue;
            };
            let link = links.entry(device).or_default();
            let next = match leaf {
                Leaf::Seal(seal) => self.log(seal, *index, life, link)?,
                Leaf::Contact(contact) => self.contact(contact, *index, life, link),
                _ => None,
            };
            // What does not hold by itself is told; what follows it is judged from there on.
            *link = next.unwrap_or_else(|| Link { counter: *counter, ..link.clone() });
        }
        Ok(())
    }

    fn contact(&mut self, leaf: &ContactLeaf, index: u64, life: &Life, link: &Link) -> Option<Link> {
        let key = life.signer(leaf.counter);
        let contact = Contact::open(leaf.note.as_bytes(), &self.domain, &leaf.device, leaf.counter, &key);
        let next = contact
            .map_err(|e| e.to_string())
            .and_then(|contact| link.after(&contact, &leaf.note).map_err(|e| e.to_string()));
        next.map_err(|e| self.wrong(format!("leaf #{index}: {e}"))).ok()
    }

    fn log(&mut self, leaf: &SealLeaf, index: u64, life: &Life, link: &Link) -> Result<Option<Link>, StoreError> {
        let name = format!("session {} of {} (leaf #{index})", leaf.counter, leaf.device);
        let Some(stored) = sessions::session(self.conn, &leaf.device, leaf.counter)? else {
            self.wrong(format!("{name}: its log is not there"));
            return Ok(None);
        };
        if stored.seal != leaf.seal || stored.log_index != Some(index) {
            self.wrong(format!("{name}: the store holds another seal or index"));
        }
        let next = |beacon: u64| Link { counter: leaf.counter, seal: seal_id(&leaf.seal), beacon };
        if stored.log.is_empty() {
            self.checked.erased += 1;
            return Ok(Some(next(link.beacon)));
        }
        let origin = session::origin(&self.domain, &leaf.device, leaf.counter);
        let log = match session::verify(&stored.log, &leaf.seal, &origin, &life.signer(leaf.counter)) {
            Ok(log) => log,
            Err(e) => {
                self.wrong(format!("{name}: {e}"));
                return Ok(None);
            }
        };
        let beacon = match log.open().beacon.as_str() {
            "" => 0,
            note => super::size_of(note).unwrap_or(0),
        };
        if let Err(e) = link.check(log.open(), beacon) {
            self.wrong(format!("{name}: {e}"));
        }
        let plan = sessions::assignment(self.conn, &log.open().assignment)?;
        match plan.map(|text| Assignment::parse(text.as_bytes())) {
            None => self.wrong(format!("{name}: its assignment is not there")),
            Some(Err(e)) => self.wrong(format!("{name}: {e}")),
            Some(Ok(plan)) => {
                if let Err(e) = muster_hours::count(&log, &plan) {
                    self.wrong(format!("{name}: {e}"));
                }
            }
        }
        self.checked.logs += 1;
        Ok(Some(next(beacon)))
    }

    /// Assignments are known by their hashes.
    fn documents(&mut self) -> Result<(), StoreError> {
        let mut get = self.conn.prepare("SELECT sha256, document FROM assignment")?;
        let rows = get.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (hash, document) = row?;
            if hex::encode(sha256(document.as_bytes())) != hash {
                self.checked.wrong.push(format!("assignment {hash} is another document"));
            }
        }
        Ok(())
    }
}

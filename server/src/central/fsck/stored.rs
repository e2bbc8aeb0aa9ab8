//! From the store back to the leaves: every row that says something became true has the leaf that made it so.

use std::time::Duration;

use muster_seal::central::Leaf;
use muster_seal::merkle::sha256;
use rusqlite::Connection;

use super::Fsck;
use crate::store::{Store, StoreError, checkpoints, dispositions, sessions, witness};

/// Whose life a leaf is about.
pub(super) fn about(leaf: &Leaf) -> Vec<&str> {
    match leaf {
        Leaf::Enrol(l) => vec![&l.device],
        Leaf::Rotate(l) => vec![&l.device],
        Leaf::Revoke(l) => vec![&l.device],
        Leaf::Replace(l) => vec![&l.device, &l.old],
        _ => Vec::new(),
    }
}

/// Is the checkpoint that the world is shown the newest that a quorum stood for? It follows the store by a moment while the
/// server runs, so it is given that moment.
pub(super) fn shown(store: &Store) -> Result<Option<String>, StoreError> {
    let path = store.dir().join("log/checkpoint");
    for round in 0.. {
        let newest = store.read(witness::newest)?;
        let wrong = match std::fs::read(&path) {
            // Shown with more signatures than were kept, it is the same one.
            Ok(shown) if !newest.is_empty() && shown.starts_with(newest.as_bytes()) => return Ok(None),
            Ok(_) => "is not the newest that the store holds with a quorum".to_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && newest.is_empty() => return Ok(None),
            Err(e) => e.to_string(),
        };
        if round == 5 {
            return Ok(Some(format!("{}: {wrong}", path.display())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(None)
}

/// Some texts, and the index that stands beside them.
type Row<const N: usize> = ([String; N], Option<u64>);

/// Rows of a query that gives texts and one index.
fn rows<const N: usize>(conn: &Connection, sql: &str) -> Result<Vec<Row<N>>, StoreError> {
    let mut get = conn.prepare(sql)?;
    let rows = get.query_map([], |row| {
        let mut texts = [const { String::new() }; N];
        for (i, text) in texts.iter_mut().enumerate() {
            *text = row.get(i)?;
        }
        Ok((texts, row.get::<_, Option<i64>>(N)?.map(|n| n as u64)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Fsck<'_> {
    /// The leaf at an index that the store names, where there is one that can be read.
    fn leaf(&self, index: Option<u64>) -> Option<Leaf> {
        let index = index.filter(|index| *index < self.checked.leaves)?;
        Leaf::parse(checkpoints::leaves(self.conn, index, index + 1).ok()?.first()?).ok()
    }

    /// Every row has its leaf.
    pub(super) fn stored(&mut self) -> Result<(), StoreError> {
        self.sessions()?;
        self.contacts()?;
        self.decisions()?;
        self.in_force()?;
        self.devices()
    }

    fn sessions(&mut self) -> Result<(), StoreError> {
        for (device, counter) in sessions::finals(self.conn)? {
            let Some(stored) = sessions::session(self.conn, &device, counter)? else { continue };
            match self.leaf(stored.log_index) {
                Some(Leaf::Seal(leaf))
                    if (leaf.device.as_str(), leaf.counter) == (device.as_str(), counter)
                        && (&leaf.seal, &leaf.received) == (&stored.seal, &stored.received) => {}
                _ => self.wrong(format!("session {counter} of {device} is final, and no leaf holds its seal and time")),
            }
        }
        Ok(())
    }

    fn contacts(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT device, CAST(counter AS TEXT), note, log_index FROM contact ORDER BY device, counter";
        for ([device, counter, note], index) in rows(self.conn, sql)? {
            match self.leaf(index) {
                Some(Leaf::Contact(leaf))
                    if (&leaf.device, leaf.counter.to_string(), &leaf.note) == (&device, counter.clone(), &note) => {}
                _ => self.wrong(format!("contact {counter} of {device} is kept, and no leaf holds it")),
            }
        }
        Ok(())
    }

    fn decisions(&mut self) -> Result<(), StoreError> {
        for d in dispositions::list(self.conn, None)? {
            let reason = hex::encode(sha256(format!("{}\n{}", d.salt, d.reason).as_bytes()));
            match self.leaf(Some(d.log_index)) {
                Some(Leaf::Disposition(l))
                    if (&l.finding, &l.decision, &l.by, &l.at) == (&d.finding, &d.decision, &d.by, &d.at)
                        && l.reason_sha256 == reason => {}
                _ => self.wrong(format!(
                    "the decision on {} (leaf #{}) is another one in the store, or its reason is",
                    d.finding, d.log_index
                )),
            }
        }
        Ok(())
    }

    /// Rule sets, counting policies and claim files.
    fn in_force(&mut self) -> Result<(), StoreError> {
        let names = |this: &Self, what: &str, sha256: &str| {
            this.named.iter().any(|leaf| leaf.what == what && leaf.sha256 == sha256)
        };
        let sql = "SELECT rules_sha256, min(run) FROM run GROUP BY rules_sha256 ORDER BY 2";
        for ([sha256], run) in rows(self.conn, sql)? {
            if !names(self, "rules", &sha256) {
                self.wrong(format!("run {} was made under a rule set that no leaf names", run.unwrap_or_default()));
            }
        }
        if let Some(sha256) = crate::store::setting::<String>(self.conn, "rules_in_force")?
            && !names(self, "rules", &sha256)
        {
            self.wrong("the rule set in force is one that no leaf names".to_owned());
        }
        // A leaf holds the hash of the file, the store what was read from it: their time is what both have.
        for ([version, at], _) in rows(self.conn, "SELECT version, at, NULL FROM policy ORDER BY version")? {
            if !self.named.iter().any(|leaf| leaf.what == "policy" && leaf.at == at) {
                self.wrong(format!("policy {version} is in force, and no leaf is of its time"));
            }
        }
        for ([sha256], index) in rows(self.conn, "SELECT sha256, log_index FROM claim_file ORDER BY log_index")? {
            match self.leaf(index) {
                Some(Leaf::Document(leaf)) if leaf.what == "claims" && leaf.sha256 == sha256 => {}
                _ => self.wrong(format!("claim file {sha256} is taken, and no leaf names it")),
            }
        }
        Ok(())
    }

    /// Enrolled as their leaves say, with the key that these say; and every leaf that the store names is about the device.
    fn devices(&mut self) -> Result<(), StoreError> {
        for ([device, key, site], index) in rows(self.conn, "SELECT device, key, site, log_index FROM device")? {
            let Some(life) = self.lives.get(&device).cloned() else {
                self.wrong(format!("device {device} is in the store, and no leaf enrols it"));
                continue;
            };
            if index != Some(life.enrolled) || life.site != site {
                self.wrong(format!("device {device}: the store has it enrolled elsewhere than its leaf"));
            }
            if life.key().to_base64() != key {
                self.wrong(format!("device {device}: the store holds another key than its leaves give it"));
            }
        }
        for ([device], index) in rows(self.conn, "SELECT device, log_index FROM device_leaf ORDER BY log_index")? {
            if !self.leaf(index).is_some_and(|leaf| about(&leaf).contains(&device.as_str())) {
                let index = index.unwrap_or_default();
                self.wrong(format!("device {device}: the store names leaf #{index} as about it, which it is not"));
            }
        }
        Ok(())
    }

    /// What is committed and not on disk yet, or on disk and without a quorum: both are made good by the next round.
    pub(super) fn staged(&mut self) -> Result<(), StoreError> {
        let Some(head) = checkpoints::head(self.conn)? else { return Ok(()) };
        let (size, cosigned) = (head.edge.size(), witness::newest_size(self.conn)?);
        if head.published < size {
            let what = format!("entries {} to {size} are committed and not published", head.published + 1);
            self.checked.told.push(what);
        }
        if cosigned < size {
            self.checked.told.push(format!("entries {} to {size} wait for a quorum of witnesses", cosigned + 1));
        }
        Ok(())
    }
}

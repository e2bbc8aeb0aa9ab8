//! Writes a world: workers make towns, and one hand puts them down in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, anyhow};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use muster_server::evidence::sheet::Sheet;

use super::dossier::{Dossier, FILES, SIZE};
use super::papers::{self, Paper};
use super::plan::Town;
use super::run::{Bureau, Year, year};
use super::time::rfc3339;
use super::truth::{Sheets, Truth};
use super::{CLASSES_PER_TOWN, Spec, load, town};

/// A town that was made.
struct Made {
    town: Town,
    year: Year,
    before: Vec<Paper>,
    claims: Vec<Paper>,
    dossier: Dossier,
}

/// Makes the world in a folder that is not there yet: `import/`, `raw/`, `truth/` and, where it is asked for, `data/`.
///
/// # Errors
/// When the folder is there, cannot be written, or the server refused a part.
pub fn generate(spec: &Spec, out: &Path) -> Result<Truth> {
    anyhow::ensure!(!out.exists(), "{} is there already: choose another folder", out.display());
    for folder in ["import", "raw", "truth"] {
        fs::create_dir_all(out.join(folder)).with_context(|| format!("cannot make {}", out.display()))?;
    }
    // The checkpoint that terminals hold is the central log's, so there is one even where nothing is loaded.
    let data = out.join("data");
    let (store, bureau) = load::open(&data, spec.seed, spec.first_day)?;
    let store = spec.data.then_some(store);
    let made = put_down(spec, &bureau, out, store.as_ref());
    if !spec.data {
        fs::remove_dir_all(&data)?;
    }
    made
}

fn put_down(spec: &Spec, bureau: &Bureau, out: &Path, store: Option<&muster_server::store::Store>) -> Result<Truth> {
    let mut files = Files::open(spec, bureau, out)?;
    let towns = spec.classes().div_ceil(CLASSES_PER_TOWN) as u64;
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<(u64, Result<Made>)>(1);
        for _ in 0..spec.workers.max(1) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= towns || send.send((index, make(spec, bureau, out, index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        in_order(&receive, towns, |mut made| {
            let size = match store {
                Some(store) => load::put(store, &made.town, &mut made.year, &made.before, &made.claims)?,
                None => 0,
            };
            files.add(made, size)
        })
    })?;
    let truth = files.close()?;
    if let Some(store) = store {
        // By then all classes have ended, and all was decided.
        load::put_lists(store, &out.join("import"), &rfc3339(super::time::midnight(spec.first_day + 500)))?;
    }
    Ok(truth)
}

/// Hands on what comes in any order by its number. Stops at the first that failed.
fn in_order(from: &Receiver<(u64, Result<Made>)>, towns: u64, mut take: impl FnMut(Made) -> Result<()>) -> Result<()> {
    let (mut waiting, mut next) = (BTreeMap::new(), 0);
    while next < towns {
        let (index, made) = from.recv().map_err(|_| anyhow!("a worker died"))?;
        waiting.insert(index, made);
        while let Some(made) = waiting.remove(&next) {
            take(made?)?;
            next += 1;
        }
    }
    Ok(())
}

fn make(spec: &Spec, bureau: &Bureau, out: &Path, index: u64) -> Result<Made> {
    let before = index as usize * CLASSES_PER_TOWN;
    let town = town::make(spec, index, CLASSES_PER_TOWN.min(spec.classes() - before));
    let mut year = year(spec, bureau, &town)?;
    let path = out.join("raw").join(format!("events-{index:05}.parquet"));
    let mut events = Table::open(&path, &year.events)?;
    events.add(&mut year.events)?;
    events.close()?;
    let (before, claims) = (papers::before(&town, bureau), papers::claims(&town, bureau, &year, spec.seed));
    for paper in before.iter().chain(&claims) {
        fs::write(out.join("import").join(&paper.name), paper.csv())?;
    }
    let dossier = Dossier::of(spec, &town, &year);
    Ok(Made { town, year, before, claims, dossier })
}

/// A Parquet file that grows.
struct Table(ArrowWriter<File>);

impl Table {
    fn open(path: &Path, like: &Sheet) -> Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(ArrowWriter::try_new(file, like.table().schema(), Some(properties))?))
    }

    fn add(&mut self, rows: &mut Sheet) -> Result<()> {
        Ok(self.0.write(&rows.batch()?)?)
    }

    fn close(self) -> Result<()> {
        self.0.close()?;
        Ok(())
    }
}

/// The files that all towns share.
struct Files {
    truth: Truth,
    tables: [Table; 3],
    lists: BTreeMap<&'static str, BufWriter<File>>,
    /// When offices work, as said so far: two towns of one region have one office.
    offices: BTreeSet<String>,
    index: BufWriter<File>,
}

impl Files {
    fn open(spec: &Spec, bureau: &Bureau, out: &Path) -> Result<Self> {
        let import = out.join("import");
        let create = |name: String| -> Result<BufWriter<File>> { Ok(BufWriter::new(File::create(import.join(name))?)) };
        let mut index = create("index.csv".to_owned())?;
        writeln!(index, "kind,file,at")?;
        for policy in &bureau.policies {
            let name = format!("policy-{}.toml", policy.version);
            fs::write(import.join(&name), load::policy_file(policy)?)?;
            writeln!(index, "policy,{name},{}", rfc3339(super::time::midnight(spec.first_day - 60)))?;
        }
        let mut lists = BTreeMap::new();
        for (name, header) in FILES {
            let mut file = create(format!("{name}.csv"))?;
            writeln!(file, "{header}")?;
            lists.insert(name, file);
        }
        let sheets = Sheets::default();
        let table = |name: &str, like: &Sheet| Table::open(&out.join("truth").join(name), like);
        let tables = [
            table("cells.parquet", &sheets.cells)?,
            table("trainees.parquet", &sheets.trainees)?,
            table("classes.parquet", &sheets.classes)?,
        ];
        let mut files = Self { truth: Truth::default(), tables, lists, offices: BTreeSet::new(), index };
        files.list(&Dossier::of_all(bureau), 0)?;
        Ok(files)
    }

    fn list(&mut self, dossier: &Dossier, size: u64) -> Result<()> {
        for (name, lines) in &dossier.0 {
            let file = self.lists.get_mut(name).with_context(|| format!("no file {name}"))?;
            for line in lines {
                if *name == "table-hours_of_work" && !self.offices.insert(line.clone()) {
                    continue;
                }
                // The size that an official saw: of what had come by then, as far as the world goes.
                writeln!(file, "{}", line.replace(SIZE, &size.to_string()))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, mut made: Made, size: u64) -> Result<()> {
        for paper in made.before.iter().chain(&made.claims) {
            writeln!(self.index, "{},{},{}", paper.what.as_str(), paper.name, rfc3339(paper.at))?;
        }
        self.list(&made.dossier, size)?;
        let sheets = &mut made.year.sheets;
        for (table, rows) in self.tables.iter_mut().zip([&mut sheets.cells, &mut sheets.trainees, &mut sheets.classes])
        {
            table.add(rows)?;
        }
        self.truth.add(&made.year.truth);
        Ok(())
    }

    fn close(mut self) -> Result<Truth> {
        self.index.flush()?;
        for file in self.lists.values_mut() {
            file.flush()?;
        }
        for table in self.tables {
            table.close()?;
        }
        Ok(self.truth)
    }
}

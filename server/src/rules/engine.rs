//! DataFusion in the process: tables in, a rule's rows out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef};
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};
use futures_util::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};

use super::header::{Grade, Rule, RuleError};
use super::share::Share;
use super::standing::{self, Standing, Steps};
use super::written;
use crate::evidence::direct;
use crate::evidence::place::Place;
use crate::evidence::tables::{ALL, Row, Table, Val, int, text};

/// One row that a rule yields: one claimed hour, or where `cell` is 0, a fact with no hour of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    /// The class.
    pub class: String,
    /// Whom the finding is about; empty when it is about the class.
    pub subject: String,
    /// Whose hour it is.
    pub trainee: String,
    /// The hour's number within the claim, from 1; 0 for none.
    pub cell: i64,
    /// The shape or kind, for the explanation.
    pub kind: String,
    /// The lesson, where there is one.
    pub lesson: String,
    /// Does the rule suspect, or only adjust?
    pub suspect: bool,
    /// The device whose record proves it; empty where the proof is that there is none.
    pub device: String,
    /// Its session counter.
    pub counter: i64,
    /// First and last record.
    pub seq_from: i64,
    /// First and last record.
    pub seq_to: i64,
    /// How sure, where that is not the header's.
    pub grade: Option<Grade>,
    /// How many sessions the finding rests on, where the rule says so.
    pub sessions: Option<i64>,
    /// What `subject` is, where the rule says so: see [`ABOUT`].
    pub about: Option<String>,
    /// A number for the explanation.
    pub n: Option<i64>,
    /// Another.
    pub of: Option<i64>,
    /// `nulls.score`.
    pub score: Option<i64>,
}

/// What a finding may be about, but for a trainee.
pub const ABOUT: [&str; 6] = ["trainee", "device", "institution", "instructor", "official", "site"];

/// The columns that every rule's query yields, in any order.
pub const COLUMNS: [&str; 11] =
    ["class", "subject", "trainee", "cell", "kind", "lesson", "suspect", "device", "counter", "seq_from", "seq_to"];
/// Those that it may yield.
pub const OPTIONAL: [&str; 6] = ["grade", "sessions", "about", "n", "of", "score"];

/// What queries may hold in memory at once, in bytes.
const MEMORY: usize = 2 << 30;

/// So many files are asked for at once.
const HEADS: usize = 16;
/// So many rows the engine looks at together.
const BATCH: usize = 8192;

/// What queries of a process work with together: so many bytes of memory, and the storage that evidence lies in. What does not fit
/// is put aside on disk: a bureau's server has other work, too.
///
/// # Errors
/// [`DataFusionError`].
pub fn runtime(place: Option<&Place>, memory: usize) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0).build_arc()?;
    runtime.register_object_store(ObjectStoreUrl::local_filesystem().as_ref(), direct::store());
    if let Some(place) = place {
        place.register(&runtime)?;
    }
    Ok(runtime)
}

/// Evidence, ready to be asked.
#[derive(Clone)]
pub struct Engine {
    context: SessionContext,
    /// Tables that take other rows, and what was asked of them.
    standing: Option<Arc<Standing>>,
}

impl Engine {
    /// Over files and rows: a table has the ones or the others, or nothing.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn over<'a>(
        place: &Place,
        files: &BTreeMap<String, Vec<String>>,
        rows: impl Fn(&Table) -> &'a [Row],
    ) -> Result<Self, DataFusionError> {
        let engine = Self::new(runtime(Some(place), MEMORY)?);
        for table in ALL {
            match files.get(table.name).filter(|files| !files.is_empty()) {
                Some(files) => engine.files(table, files)?,
                None => engine.put(table, rows(table))?,
            }
        }
        Ok(engine)
    }

    /// Without rows yet: to be [filled](Self::fill) again and again. What is asked of it is planned once.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn standing() -> Result<Self, DataFusionError> {
        let mut engine = Self::new(runtime(None, MEMORY)?);
        engine.standing = Some(Arc::default());
        engine.fill(&BTreeMap::new())?;
        Ok(engine)
    }

    /// Takes other rows for all tables.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn fill(&self, rows: &BTreeMap<&str, Vec<Row>>) -> Result<(), DataFusionError> {
        ALL.into_iter().try_for_each(|table| self.put(table, rows.get(table.name).map_or(&[], Vec::as_slice)))
    }

    /// Has these tables hold nothing.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn empty(&self, which: impl Fn(&Table) -> bool) -> Result<(), DataFusionError> {
        ALL.into_iter().filter(|table| which(table)).try_for_each(|table| self.put(table, &[]))
    }

    /// Takes the rows of some classes alone for all tables, all of them in memory; a table that has neither files nor rows keeps
    /// what it holds.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn fill_of_classes<'a>(
        &self,
        place: &Place,
        files: &BTreeMap<String, Vec<String>>,
        rows: impl Fn(&Table) -> Option<&'a [Row]>,
        classes: &BTreeSet<String>,
    ) -> Result<(), DataFusionError> {
        let whole = Self::new(runtime(Some(place), MEMORY)?);
        let of = || classes.iter().map(|class| lit(class.as_str())).collect::<Vec<_>>();
        let mut reads = Vec::new();
        for table in ALL {
            match files.get(table.name).filter(|files| !files.is_empty()) {
                None => rows(table).map_or(Ok(()), |rows| self.put(table, rows))?,
                Some(files) => {
                    whole.are_there(files).await?;
                    whole.files(table, files)?;
                    let (whole, filter) = (whole.clone(), col("class").in_list(of(), false));
                    let read = async move { whole.context.table(table.name).await?.filter(filter)?.collect().await };
                    reads.push((table, tokio::spawn(read)));
                }
            }
        }
        for (table, read) in reads {
            self.hold(table, read.await.map_err(|e| DataFusionError::External(Box::new(e)))??)?;
        }
        Ok(())
    }

    /// Over a share of what a run has.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn of_share(runtime: Arc<RuntimeEnv>, share: &Share) -> Result<Self, DataFusionError> {
        let engine = Self::new(runtime);
        for table in ALL {
            let Some(files) = share.files.get(table.name) else {
                engine.put(table, &[])?;
                continue;
            };
            engine.are_there(files).await?;
            engine.files(table, files)?;
            if let Some(mine) = share.classes.filter(table) {
                let frame = engine.context.table(table.name).await?.filter(mine)?;
                engine.context.deregister_table(table.name)?;
                engine.context.register_table(table.name, frame.into_view())?;
            }
        }
        Ok(engine)
    }

    /// A file that is named and not there would be read as one without rows.
    async fn are_there(&self, files: &[String]) -> Result<(), DataFusionError> {
        let runtime = self.context.runtime_env();
        let heads = futures_util::stream::iter(files.to_vec()).map(|file| {
            let runtime = Arc::clone(&runtime);
            async move {
                let url = ListingTableUrl::parse(file)?;
                let store = runtime.object_store(&url)?;
                store.head(url.prefix()).await.map_err(|e| DataFusionError::ObjectStore(Box::new(e)))
            }
        });
        heads.buffer_unordered(HEADS).try_for_each(|_| async { Ok(()) }).await
    }

    fn files(&self, table: &Table, files: &[String]) -> Result<(), DataFusionError> {
        self.context.register_table(table.name, Arc::new(listing(files, views(&table.schema()))?))?;
        Ok(())
    }

    /// A table's rows, in one batch for each million or so; one empty batch where it has none.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn batches(&self, table: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
        let frame = self.context.table(table).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let found = frame.collect().await?;
        let (mut whole, mut some, mut rows) = (Vec::new(), Vec::new(), 0);
        for batch in found {
            rows += batch.num_rows();
            some.push(batch);
            if rows >= 1 << 20 {
                whole.push(concat_batches(&schema, &std::mem::take(&mut some))?);
                rows = 0;
            }
        }
        if !some.is_empty() || whole.is_empty() {
            whole.push(concat_batches(&schema, &some)?);
        }
        Ok(whole)
    }

    /// Has a table no rows?
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn is_empty(&self, table: &str) -> Result<bool, DataFusionError> {
        let found = self.context.table(table).await?.limit(0, Some(1))?.collect().await?;
        Ok(found.iter().all(|batch| batch.num_rows() == 0))
    }

    fn new(runtime: Arc<RuntimeEnv>) -> Self {
        let config = SessionConfig::new()
            .with_information_schema(false)
            // Rules run beside each other instead: what need not be shared out and brought together again is the faster for it.
            .with_target_partitions(1);
        Self { context: SessionContext::new_with_config_rt(config, runtime), standing: None }
    }

    /// Takes other rows for a table that is not made from logs.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn replace(&self, table: &Table, rows: &[Row]) -> Result<(), DataFusionError> {
        if self.standing.is_none() {
            self.context.deregister_table(table.name)?;
        }
        self.put(table, rows)
    }

    fn put(&self, table: &Table, rows: &[Row]) -> Result<(), DataFusionError> {
        let schema = views(&table.schema());
        let batch = |rows: &[Row]| -> Result<RecordBatch, DataFusionError> {
            let batch = table.batch(rows)?;
            let columns = batch.columns().iter().zip(schema.fields()).map(|(column, f)| cast(column, f.data_type()));
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)?)
        };
        // Each batch with texts of its own: who puts slices of one batch together again has its texts once for each slice.
        self.hold(table, rows.chunks(BATCH).map(batch).collect::<Result<_, _>>()?)
    }

    /// Has a table hold these rows.
    fn hold(&self, table: &Table, rows: Vec<RecordBatch>) -> Result<(), DataFusionError> {
        let schema = views(&table.schema());
        if let Some(standing) = &self.standing {
            return standing.table(&self.context, table.name, &schema)?.fill(rows);
        }
        self.context.register_table(table.name, Arc::new(MemTable::try_new(schema, vec![rows])?))?;
        Ok(())
    }

    async fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
        let found = match &self.standing {
            Some(standing) => match standing.planned(sql) {
                Some(steps) => steps.run(&self.context).await,
                None => match self.plan(sql).await {
                    Ok(steps) => standing.keep(sql, steps).run(&self.context).await,
                    Err(error) => Err(error),
                },
            },
            None if sql.contains(written::WORDS) => self.in_steps(sql).await,
            None => return self.context.sql(sql).await?.collect().await,
        };
        match found {
            Err(error) => {
                // As a whole, for the places that errors name.
                let whole = sql.replace(written::WORDS, &format!("{:1$}", "AS", written::WORDS.len()));
                self.context.state().create_logical_plan(&whole).await?;
                Err(error)
            }
            found => found,
        }
    }

    async fn in_steps(&self, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
        let steps = written::split(sql, &unique()).map_err(|e| DataFusionError::SQL(Box::new(e), None))?;
        let work = async {
            for (table, query) in &steps.first {
                let frame = self.context.sql(query).await?;
                let schema = all_nullable(frame.schema().as_arrow());
                let mut parts = frame.collect_partitioned().await?;
                for batch in parts.iter_mut().flatten() {
                    *batch =
                        RecordBatch::try_new(Arc::clone(&schema), batch.columns().iter().map(own_texts).collect())?;
                }
                self.context.register_table(table.as_str(), Arc::new(MemTable::try_new(schema, parts)?))?;
            }
            self.context.sql(&steps.last).await?.collect().await
        };
        let found = work.await;
        for (table, _) in &steps.first {
            self.context.deregister_table(table.as_str())?;
        }
        found
    }

    /// Plans a question that is to be asked again.
    async fn plan(&self, sql: &str) -> Result<Steps, DataFusionError> {
        let physical = async |sql: &str| self.context.sql(sql).await?.create_physical_plan().await;
        if !sql.contains(written::WORDS) {
            return Ok(Steps { first: Vec::new(), last: physical(sql).await?, alone: Default::default() });
        }
        let steps = written::split(sql, &unique()).map_err(|e| DataFusionError::SQL(Box::new(e), None))?;
        let work = async {
            let mut first = Vec::new();
            for (table, query) in &steps.first {
                let plan = physical(query).await?;
                let schema = all_nullable(&plan.schema());
                first.push((plan, standing::register(&self.context, table, schema)?));
            }
            Ok(Steps { first, last: physical(&steps.last).await?, alone: Default::default() })
        };
        let planned = work.await;
        // The plans have them; nobody else asks for them.
        for (table, _) in &steps.first {
            self.context.deregister_table(table.as_str())?;
        }
        planned
    }

    /// Asks a question of our own; the columns' values as rows.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub async fn query(&self, sql: &str, columns: &[&str]) -> Result<Vec<Row>, DataFusionError> {
        let batches = self.collect(sql).await?;
        let mut rows = Vec::new();
        for batch in &batches {
            let columns = columns.iter().map(|name| column(batch, name)).collect::<Result<Vec<_>, _>>()?;
            // A column that a query may leave out.
            let columns: Vec<Vec<Val>> =
                columns.into_iter().map(|c| c.unwrap_or_else(|| vec![Val::Null; batch.num_rows()])).collect();
            rows.extend((0..batch.num_rows()).map(|i| columns.iter().map(|c| c[i].clone()).collect::<Row>()));
        }
        Ok(rows)
    }

    /// Runs a rule; its rows come in one order, whatever the engine did.
    ///
    /// # Errors
    /// [`RuleError`]: the query cannot be run, or does not yield the columns.
    pub async fn run(&self, rule: &Rule) -> Result<Vec<Hit>, RuleError> {
        self.hits(rule).await.map_err(|failed| failed.of(rule))
    }

    pub(super) async fn hits(&self, rule: &Rule) -> Result<Vec<Hit>, Failed> {
        let columns: Vec<&str> = COLUMNS.into_iter().chain(OPTIONAL).collect();
        let mut hits: Vec<Hit> = self.query(&rule.query()?, &columns).await?.into_iter().map(hit).collect();
        hits.sort();
        hits.dedup();
        Ok(hits)
    }

    /// Runs what a rule counts; nothing when it does not count.
    ///
    /// # Errors
    /// [`RuleError`]: the query cannot be run, or does not yield the columns.
    pub async fn counts(&self, rule: &Rule) -> Result<Vec<Count>, RuleError> {
        self.counted(rule).await.map_err(|failed| failed.of(rule))
    }

    pub(super) async fn counted(&self, rule: &Rule) -> Result<Vec<Count>, Failed> {
        let Some(sql) = rule.counting()? else { return Ok(Vec::new()) };
        let rows = self.query(&sql, &COUNTS).await?;
        let count = |row: &Row| Count {
            unit: text(row, 0).to_owned(),
            institution: text(row, 1).to_owned(),
            region: text(row, 2).to_owned(),
            day: int(row, 3),
            kind: text(row, 4).to_owned(),
            size: int(row, 5),
            n: int(row, 6),
            k: int(row, 7),
        };
        let mut counts: Vec<Count> = rows.iter().map(count).collect();
        counts.sort();
        Ok(counts)
    }
}

/// Parquet files of one schema as a table.
pub(super) fn listing(files: &[String], schema: SchemaRef) -> Result<ListingTable, DataFusionError> {
    let urls = files.iter().map(ListingTableUrl::parse).collect::<Result<Vec<_>, _>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    ListingTable::try_new(config.with_schema(schema))
}

/// Why a rule was not run: it is no rule, or the engine could not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Engine(#[from] DataFusionError),
}

impl Failed {
    /// With its place in the rule's file.
    pub fn of(self, rule: &Rule) -> RuleError {
        match self {
            Self::Rule(error) => error,
            Self::Engine(error) => place(rule, &error),
        }
    }

    /// The same where it would fail so anywhere; the engine's error where another machine, storage or memory might not.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn of_the_rule(self, rule: &Rule) -> Result<RuleError, DataFusionError> {
        use datafusion::arrow::error::ArrowError;
        let anywhere = |error: &DataFusionError| match error.find_root() {
            DataFusionError::SQL(..) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => true,
            DataFusionError::ArrowError(error, _) => matches!(
                error.as_ref(),
                ArrowError::CastError(_)
                    | ArrowError::ComputeError(_)
                    | ArrowError::DivideByZero
                    | ArrowError::ArithmeticOverflow(_)
            ),
            _ => false,
        };
        match self {
            Self::Engine(error) if !anywhere(&error) => Err(error),
            failed => Ok(failed.of(rule)),
        }
    }
}

/// Names that no other query's tables have.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("written_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Views of texts with no more texts behind them than they show: what a query gives are slices, each with the texts of all, and
/// who sorts them reckons with all of them for each.
fn own_texts(column: &ArrayRef) -> ArrayRef {
    column.as_string_view_opt().map_or_else(|| Arc::clone(column), |texts| Arc::new(texts.gc()))
}

/// Whether a column may be null a plan and its rows say differently: here every column may.
fn all_nullable(schema: &Schema) -> SchemaRef {
    let nullable = |f: &Arc<Field>| f.as_ref().clone().with_nullable(true);
    Arc::new(Schema::new(schema.fields().iter().map(nullable).collect::<Fields>()))
}

/// A schema with texts as views: a column read from a file points into the file's own dictionary, and short texts are compared
/// without looking there.
fn views(schema: &SchemaRef) -> SchemaRef {
    let field = |f: &Arc<Field>| match f.data_type() {
        DataType::Utf8 => Arc::new(f.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => Arc::clone(f),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Fields>()))
}

/// How often something happened in one unit, of so many tries: what the `nulls` table fits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Count {
    /// The class, institution, instructor or official.
    pub unit: String,
    /// Left out of its own comparison.
    pub institution: String,
    /// GB/T 2260 code.
    pub region: String,
    /// Days since 1970-01-01 in China.
    pub day: i64,
    /// What kind of class.
    pub kind: String,
    /// Trainees, or what else its size is.
    pub size: i64,
    /// Tries.
    pub n: i64,
    /// Hits.
    pub k: i64,
}

/// The columns that a rule's `counts` yield.
pub const COUNTS: [&str; 8] = ["unit", "institution", "region", "day", "kind", "size", "n", "k"];

fn hit(row: Row) -> Hit {
    let mut row = row.into_iter();
    let text = |row: &mut dyn Iterator<Item = Val>| match row.next() {
        Some(Val::Text(text)) => text,
        _ => String::new(),
    };
    let maybe = |row: &mut dyn Iterator<Item = Val>| if let Some(Val::Int(n)) = row.next() { Some(n) } else { None };
    let int = |row: &mut dyn Iterator<Item = Val>| maybe(row).unwrap_or(0);
    Hit {
        class: text(&mut row),
        subject: text(&mut row),
        trainee: text(&mut row),
        cell: int(&mut row),
        kind: text(&mut row),
        lesson: text(&mut row),
        suspect: matches!(row.next(), Some(Val::Bool(true))),
        device: text(&mut row),
        counter: int(&mut row),
        seq_from: int(&mut row),
        seq_to: int(&mut row),
        grade: match text(&mut row).as_str() {
            "weak" => Some(Grade::Weak),
            "strong" => Some(Grade::Strong),
            "certain" => Some(Grade::Certain),
            _ => None,
        },
        sessions: maybe(&mut row),
        about: match row.next() {
            Some(Val::Text(about)) if ABOUT.contains(&about.as_str()) => Some(about),
            _ => None,
        },
        n: maybe(&mut row),
        of: maybe(&mut row),
        score: maybe(&mut row),
    }
}

fn column(batch: &RecordBatch, name: &str) -> Result<Option<Vec<Val>>, DataFusionError> {
    let Some(array) = batch.column_by_name(name) else {
        if OPTIONAL.contains(&name) {
            return Ok(None);
        }
        return Err(DataFusionError::Plan(format!("the query yields no column {name}")));
    };
    Ok(Some(match array.data_type() {
        DataType::Boolean => array.as_boolean().iter().map(Into::into).collect(),
        kind if kind.is_integer() => {
            let array = cast(array, &DataType::Int64)?;
            array.as_primitive::<Int64Type>().iter().map(Into::into).collect()
        }
        DataType::Null => vec![Val::Null; array.len()],
        _ => {
            let array = cast(array, &DataType::Utf8)?;
            array.as_string::<i32>().iter().map(Into::into).collect()
        }
    }))
}

/// Where in the file an error stands, as far as the engine says: it writes `Line: 3, Column: 7`.
fn place(rule: &Rule, error: &DataFusionError) -> RuleError {
    let text = error.strip_backtrace();
    let after = |key: &str| -> Option<usize> {
        let rest = &text[text.find(key)? + key.len()..];
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let (line, column) = (after("Line: ").unwrap_or(1), after("Column: ").unwrap_or(1));
    RuleError::at(&rule.id, rule.sql_line + line - 1, column, text.lines().next().unwrap_or_default())
}

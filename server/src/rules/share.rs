//! A rule run by another process: over all that a run has, or over a share of its classes. Which files, which classes and which
//! rule is all that such a process is told; it runs them with the engine that runs them here, so that there is one way only in
//! which a rule can be read. To a cluster the whole is one function of SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, col, lit,
};
use muster_seal::merkle::sha256;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use super::engine::{Count, Engine, Hit};
use super::header::{Rule, RuleError, Scope};
use crate::evidence::tables::{ALL, Source, Table};

/// The function's name: `muster_rule(share, question)` gives a list of answers, all of them JSON.
pub const NAME: &str = "muster_rule";
/// So many rows go into one answer: what a cluster sends at once has a limit.
const ROWS: usize = 1000;

/// Classes from one to another by their ids; both ends may be open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// The first.
    pub from: Option<String>,
    /// The first that is not of them any more.
    pub below: Option<String>,
}

impl Classes {
    /// Their rows of a table; `None` where all of its rows are wanted: of what was imported, because a permit for one class may
    /// name another. A row that is of no class belongs to every share.
    pub fn filter(&self, table: &Table) -> Option<Expr> {
        let schema = table.schema();
        let field = schema.field_with_name("class").ok().filter(|_| table.source != Source::Import)?;
        let from = self.from.as_deref().map(|from| col("class").gt_eq(lit(from)));
        let below = self.below.as_deref().map(|below| col("class").lt(lit(below)));
        let mine = from.into_iter().chain(below).reduce(Expr::and)?;
        Some(if field.is_nullable() { mine.or(col("class").is_null()) } else { mine })
    }
}

/// Cuts classes into so many shares that hold about as many sessions each, or fewer where there are not so many classes. `of` says
/// in order of the classes which parts hold sessions of each, and how many. Every class falls into one share, also one that is
/// not named. Gives the parts that each share needs.
pub fn divide(of: &[(String, String, u64)], shares: usize) -> Vec<(Classes, BTreeSet<String>)> {
    let all: u64 = of.iter().map(|(_, _, sessions)| sessions).sum();
    let each = all.div_ceil(shares.max(1) as u64).max(1);
    let mut out = vec![(Classes::default(), BTreeSet::new())];
    let (mut held, mut last) = (0, None);
    for (class, part, sessions) in of {
        if held >= each && last.is_some_and(|last| last != class) {
            if let Some((classes, _)) = out.last_mut() {
                classes.below = Some(class.clone());
            }
            out.push((Classes { from: Some(class.clone()), below: None }, BTreeSet::new()));
            held = 0;
        }
        if let Some((_, parts)) = out.last_mut() {
            parts.insert(part.clone());
        }
        held += sessions;
        last = Some(class);
    }
    out
}

/// What a rule is run over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The files of each table, by their addresses; a table without files has no rows.
    pub files: BTreeMap<String, Vec<String>>,
    /// Whose rows of them.
    pub classes: Classes,
    /// Its number among those that are asked together, from 0.
    pub number: usize,
    /// What the tables were for whoever wrote them: see [`version`].
    pub version: String,
}

/// The program's version, and a hash of all tables and their columns: two programs that agree in it read files alike.
pub fn version() -> String {
    let columns: Vec<_> = ALL.iter().map(|table| (table.name, table.columns)).collect();
    let hash = hex::encode(sha256(format!("{columns:?}").as_bytes()));
    format!("{} {}", env!("CARGO_PKG_VERSION"), &hash[..16])
}

/// What a rule is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Its rows.
    Hits,
    /// What it counts.
    Counts,
}

/// A rule, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its texts are not needed.
    pub rule: Rule,
    /// Rows or counts.
    pub what: What,
}

impl Question {
    /// May it be asked of some classes at a time? A rule that looks at one class alone says the same of it whoever else is there.
    pub fn divides(&self) -> bool {
        self.what == What::Hits && self.rule.scope == Scope::Class
    }
}

/// Some of what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Rows.
    Hits(Vec<Hit>),
    /// Counts.
    Counts(Vec<Count>),
    /// The rule cannot be run.
    Refused(RuleError),
    /// All has been said by the share of this number: one that found nothing says so.
    End(usize),
}

/// Asks. What is wrong with the rule is an answer; the last one is the [end](Answer::End).
///
/// # Errors
/// [`DataFusionError`]: a file is not there, the program is of another version, or the engine failed where another might not.
pub async fn ask(runtime: Arc<RuntimeEnv>, share: &Share, question: &Question) -> Result<Vec<Answer>, DataFusionError> {
    if share.version != version() {
        return exec_err!(
            "this program is {}, and was asked by {}: install the same on all machines",
            version(),
            share.version
        );
    }
    let engine = Engine::of_share(runtime, share).await?;
    let rule = &question.rule;
    let answers = match question.what {
        What::Hits => engine.hits(rule).await.map(|hits| hits.chunks(ROWS).map(|c| Answer::Hits(c.to_vec())).collect()),
        What::Counts => {
            engine.counted(rule).await.map(|counts| counts.chunks(ROWS).map(|c| Answer::Counts(c.to_vec())).collect())
        }
    };
    let mut answers: Vec<Answer> = match answers {
        Ok(answers) => answers,
        Err(failed) => vec![Answer::Refused(failed.of_the_rule(rule)?)],
    };
    answers.push(Answer::End(share.number));
    Ok(answers)
}

/// The function, working with this runtime.
pub fn function(runtime: Arc<RuntimeEnv>) -> ScalarUDF {
    // Never worked out while a query is planned.
    let signature = Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Volatile);
    ScalarUDF::from(Function { runtime, signature })
}

#[derive(Debug)]
struct Function {
    runtime: Arc<RuntimeEnv>,
    signature: Signature,
}

// One is as good as another.
impl PartialEq for Function {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Function {}

impl std::hash::Hash for Function {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        NAME.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let rows = args.number_rows;
        let [shares, questions] = args.args.as_slice() else { return exec_err!("{NAME} takes two texts") };
        let (shares, questions) = (shares.to_array(rows)?, questions.to_array(rows)?);
        let (shares, questions) = (shares.as_string::<i32>(), questions.as_string::<i32>());
        let mut out = ListBuilder::new(StringBuilder::new());
        for (share, question) in shares.iter().zip(questions) {
            let (Some(share), Some(question)) = (share, question) else { return exec_err!("{NAME} takes no NULL") };
            let share: Share = parse(share)?;
            let question: Question = parse(question)?;
            for answer in self.answers(&share, &question)? {
                out.values().append_value(serde_json::to_string(&answer).map_err(json)?);
            }
            out.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish()) as ArrayRef))
    }
}

impl Function {
    /// A function of SQL is called in the midst of a runtime, where nothing may be waited for: that is done in a thread of its own.
    fn answers(&self, share: &Share, question: &Question) -> Result<Vec<Answer>, DataFusionError> {
        static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
        let runtime = RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build());
        let runtime = runtime.as_ref().map_err(|e| exec_datafusion_err!("no runtime: {e}"))?;
        let work = ask(Arc::clone(&self.runtime), share, question);
        let thread = std::thread::Builder::new().name("rule".to_owned()).stack_size(STACK);
        std::thread::scope(|scope| match thread.spawn_scoped(scope, || runtime.block_on(work)) {
            Ok(thread) => thread.join().unwrap_or_else(|_| exec_err!("a rule's thread died")),
            Err(e) => exec_err!("no thread: {e}"),
        })
    }
}

/// Planning recurses as deep as a query is nested.
const STACK: usize = 32 << 20;

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, DataFusionError> {
    serde_json::from_str(text).map_err(json)
}

fn json(error: serde_json::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::evidence::build;
    use crate::evidence::place::Place;
    use crate::evidence::tables::{Row, TAPS, Type, Val};
    use crate::rules::{engine, header};

    fn held(names: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
        names.iter().map(|(class, part, n)| ((*class).to_owned(), (*part).to_owned(), *n)).collect()
    }

    #[test]
    fn classes_are_divided_by_their_sessions_and_every_class_falls_into_one_share() {
        let of = held(&[("a", "p", 3), ("b", "p", 2), ("b", "q", 2), ("c", "q", 1), ("d", "r", 4)]);
        let ends = |shares| -> Vec<(Option<String>, Option<String>, Vec<String>)> {
            let cut = divide(&of, shares);
            cut.into_iter().map(|(c, parts)| (c.from, c.below, parts.into_iter().collect())).collect()
        };
        let s = |text: &str| Some(text.to_owned());
        let list = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        assert_eq!(ends(1), [(None, None, list(&["p", "q", "r"]))]);
        assert_eq!(ends(2), [(None, s("c"), list(&["p", "q"])), (s("c"), None, list(&["q", "r"]))]);
        // No class is cut in two, however many shares are wanted.
        assert_eq!(ends(100).len(), 4);
        assert_eq!(divide(&[], 4), [(Classes::default(), BTreeSet::new())]);
    }

    /// A check-in of a class, all else as a table may have it.
    fn tap(class: &str) -> Row {
        let value = |(name, kind): &(&str, Type)| match (*name, kind) {
            ("class", _) => class.into(),
            ("trainee", _) => "t".into(),
            (_, Type::Int) => Val::Int(1),
            (_, Type::Bool) => false.into(),
            _ => "x".into(),
        };
        TAPS.columns.iter().map(value).collect()
    }

    fn question(sql: &str) -> Question {
        let rule = header::Rule {
            id: "try".to_owned(),
            grade: header::Grade::Weak,
            family: "try".to_owned(),
            texts: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            sql: sql.to_owned(),
            sql_line: 1,
            counts: None,
            needs: Vec::new(),
            scope: Scope::Class,
        };
        Question { rule, what: What::Hits }
    }

    const SQL: &str = "SELECT class, '' AS subject, trainee, 0 AS cell, 'k' AS kind, '' AS lesson, TRUE AS suspect, device, \
                       counter, seq AS seq_from, seq AS seq_to FROM taps";

    #[tokio::test(flavor = "multi_thread")]
    async fn shares_together_say_what_the_whole_says_also_as_a_function_of_sql() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path().to_str().unwrap()).unwrap();
        let rows: Vec<Row> = ["a", "b", "b", "c"].map(tap).to_vec();
        place.put("taps/x.parquet", build::parquet(&TAPS.batch(&rows).unwrap()).unwrap()).unwrap();
        let files = BTreeMap::from([("taps".to_owned(), vec![place.url("taps/x.parquet")])]);
        let runtime = engine::runtime(Some(&place), 1 << 28).unwrap();
        let question = question(SQL);
        let mut said = Vec::new();
        for shares in [1, 3] {
            let mut hits = Vec::new();
            let of = held(&[("a", "x", 1), ("b", "x", 1), ("c", "x", 1)]);
            for (classes, _) in divide(&of, shares) {
                let share = Share { files: files.clone(), classes, number: 3, version: version() };
                let context = SessionContext::new();
                context.register_udf(function(Arc::clone(&runtime)));
                let call = format!(
                    "SELECT unnest({NAME}('{}', '{}')) AS answer",
                    serde_json::to_string(&share).unwrap(),
                    serde_json::to_string(&question).unwrap().replace('\'', "''")
                );
                let called = context.sql(&call).await.unwrap().collect().await.unwrap();
                let called: Vec<Answer> = called
                    .iter()
                    .flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten())
                    .map(|answer| serde_json::from_str(answer).unwrap())
                    .collect();
                assert_eq!(called, ask(Arc::clone(&runtime), &share, &question).await.unwrap());
                assert_eq!(called.last(), Some(&Answer::End(3)));
                for answer in called.into_iter().filter(|answer| *answer != Answer::End(3)) {
                    let Answer::Hits(some) = answer else { panic!("{answer:?}") };
                    hits.extend(some);
                }
            }
            hits.sort();
            said.push(hits);
        }
        assert_eq!(said[0].iter().map(|hit| hit.class.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(said[0], said[1]);
    }

    #[tokio::test]
    async fn a_rule_that_is_none_is_an_answer_that_names_its_place() {
        let runtime = engine::runtime(None, 1 << 28).unwrap();
        let share = Share { files: BTreeMap::new(), classes: Classes::default(), number: 0, version: version() };
        let answers = ask(runtime, &share, &question("SELECT nothing FROM taps")).await.unwrap();
        let [Answer::Refused(error), Answer::End(0)] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(error.what.contains("nothing"), "{error}");
    }

    #[tokio::test]
    async fn what_is_not_the_rules_fault_is_no_answer() {
        let runtime = engine::runtime(None, 1 << 28).unwrap();
        let gone = BTreeMap::from([("taps".to_owned(), vec!["/nowhere/taps.parquet".to_owned()])]);
        let share = Share { files: gone, classes: Classes::default(), number: 0, version: version() };
        let said = ask(Arc::clone(&runtime), &share, &question(SQL)).await.unwrap_err().to_string();
        assert!(said.contains("nowhere/taps.parquet"), "{said}");
        let other = Share { files: BTreeMap::new(), version: "0.0.0 0".to_owned(), ..share };
        let said = ask(runtime, &other, &question(SQL)).await.unwrap_err().to_string();
        assert!(said.contains("install the same"), "{said}");
    }
}

//! `WITH x AS MATERIALIZED (…)`: what a query asks to have written down is run once, and read as often as it is named. The words
//! are PostgreSQL's, DuckDB's and SQLite's; DataFusion would run it once for each time that it is named.

use datafusion::sql::sqlparser::ast::{CteAsMaterialized, Query, SetExpr, Statement, With};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

/// How a query asks for it.
pub const WORDS: &str = "AS MATERIALIZED";

/// A query in steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The name of the table that each step makes, and its query.
    pub first: Vec<(String, String)>,
    /// The query that is left.
    pub last: String,
}

/// Takes a query apart. `unique` begins the names of its tables.
///
/// # Errors
/// [`ParserError`]: it is no query.
pub fn split(sql: &str, unique: &str) -> Result<Steps, ParserError> {
    let mut query = one(sql)?;
    let mut first = Vec::new();
    if let Some(with) = query.with.as_mut() {
        for i in 0..with.cte_tables.len() {
            let (before, rest) = with.cte_tables.split_at_mut(i);
            let Some(cte) = rest.first_mut() else { break };
            if !matches!(cte.materialized.take(), Some(CteAsMaterialized::Materialized)) {
                continue;
            }
            let table = format!("{unique}_{}", cte.alias.name.value);
            let mut own = (*cte.query).clone();
            match own.with.as_mut() {
                Some(inner) => drop(inner.cte_tables.splice(0..0, before.iter().cloned())),
                None if before.is_empty() => {}
                None => {
                    let (with_token, cte_tables) = (with.with_token.clone(), before.to_vec());
                    own.with = Some(With { with_token, recursive: false, cte_tables });
                }
            }
            first.push((table.clone(), own.to_string()));
            *cte.query = one(&format!("SELECT * FROM {table}"))?;
        }
    }
    Ok(Steps { first, last: query.to_string() })
}

fn one(sql: &str) -> Result<Query, ParserError> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql)?.pop() {
        Some(Statement::Query(query)) if !matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_)) => Ok(*query),
        _ => Err(ParserError::ParserError("not a query".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_written_down_becomes_a_step_that_sees_what_stands_before_it() {
        let sql =
            "WITH a AS (SELECT 1 AS x), b AS MATERIALIZED (SELECT x FROM a), c AS (SELECT x FROM b) SELECT * FROM b, c";
        let steps = split(sql, "r").unwrap();
        assert_eq!(steps.first, [("r_b".to_owned(), "WITH a AS (SELECT 1 AS x) SELECT x FROM a".to_owned())]);
        assert_eq!(
            steps.last,
            "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM r_b), c AS (SELECT x FROM b) SELECT * FROM b, c"
        );
    }

    #[test]
    fn a_query_without_such_words_is_left_as_it_is_and_what_is_no_query_is_refused() {
        assert_eq!(split("SELECT 1", "r").unwrap(), Steps { first: Vec::new(), last: "SELECT 1".to_owned() });
        assert!(split("DROP TABLE taps", "r").is_err());
    }
}

//! A page in Markdown: its fenced blocks, its numbered rules, and tables of columns apart by `|`.

use std::collections::BTreeMap;

/// The page, as an auditor reads it.
pub const PAGE: &str = include_str!("../../../COUNTING.md");

/// What is wrong, and in which line of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub line: usize,
    pub why: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "hours/COUNTING.md:{}: {}", self.line, self.why)
    }
}

/// Something is wrong in that line.
pub fn wrong<T>(line: usize, why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { line, why: why.into() })
}

/// A line and its number.
pub type Line<'a> = (usize, &'a str);

/// A fenced block: what stands behind the fence, and what is in it.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    pub kind: &'a str,
    pub line: usize,
    pub lines: Vec<Line<'a>>,
}

fn numbered(page: &str) -> impl Iterator<Item = Line<'_>> {
    page.lines().enumerate().map(|(i, line)| (i + 1, line))
}

/// The fenced blocks, in order.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut done, mut open) = (Vec::new(), None::<Block<'_>>);
    for (number, text) in numbered(page) {
        match (text.strip_prefix("```"), &mut open) {
            (Some(kind), None) => open = Some(Block { kind, line: number, lines: Vec::new() }),
            (Some(_), Some(_)) => done.extend(open.take()),
            (None, Some(block)) => block.lines.push((number, text)),
            (None, None) => {}
        }
    }
    done.extend(open);
    done
}

/// The rules: lines that begin with `**` and a number, with the number.
pub fn rules(page: &str) -> Vec<(usize, usize)> {
    let rule = |(line, text): Line<'_>| {
        let (number, _) = text.strip_prefix("**")?.split_once('.')?;
        Some((line, number.parse().ok()?))
    };
    numbered(page).filter_map(rule).collect()
}

/// Lines that follow each other without an empty one between.
pub fn paragraphs<'a>(lines: &[Line<'a>]) -> Vec<Vec<Line<'a>>> {
    let parts = lines.split(|(_, text)| text.trim().is_empty());
    parts.filter(|part| !part.is_empty()).map(<[_]>::to_vec).collect()
}

/// A row of a table by its columns, with its line.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    pub line: usize,
    cells: BTreeMap<&'a str, &'a str>,
}

impl<'a> Row<'a> {
    /// What stands in a column; nothing where the table has no such column.
    pub fn get(&self, column: &str) -> &'a str {
        self.cells.get(column).copied().unwrap_or_default()
    }

    /// Has the table such a column?
    pub fn has(&self, column: &str) -> bool {
        self.cells.contains_key(column)
    }
}

/// A table: a line of column names and the rows below it.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    pub line: usize,
    pub columns: Vec<&'a str>,
    pub rows: Vec<Row<'a>>,
}

impl<'a> Table<'a> {
    /// Reads a table.
    pub fn read(lines: &[Line<'a>]) -> Result<Self, Wrong> {
        let split = |text: &'a str| text.split('|').map(str::trim).collect::<Vec<_>>();
        let Some(((line, head), rows)) = lines.split_first() else { return wrong(0, "a table without a head") };
        let columns = split(head);
        let row = |(line, text): &Line<'a>| {
            let cells = split(text);
            if cells.len() != columns.len() {
                return wrong(*line, format!("{} columns, and the table has {}", cells.len(), columns.len()));
            }
            Ok(Row { line: *line, cells: columns.iter().copied().zip(cells).collect() })
        };
        let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
        Ok(Self { line: *line, columns, rows })
    }

    /// Where this table and what the code says differ; of the columns that the table has.
    pub fn differs(&self, what: &str, is: &[BTreeMap<&'static str, String>]) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        for (row, is) in self.rows.iter().zip(is) {
            for column in &self.columns {
                let want = row.get(column);
                match is.get(column) {
                    Some(is) if is == want => {}
                    Some(is) => wrongs.push(Wrong {
                        line: row.line,
                        why: format!("{column} is {is:?} by the code, and the page says {want:?}"),
                    }),
                    None => wrongs.push(Wrong { line: self.line, why: format!("{what} have no column {column:?}") }),
                }
            }
        }
        if self.rows.len() != is.len() {
            let why = format!("{} {what} on the page, and {} by the code: {is:?}", self.rows.len(), is.len());
            wrongs.push(Wrong { line: self.line, why });
        }
        wrongs
    }
}

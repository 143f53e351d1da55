//! How rows are written.

use serde::{Deserialize, Serialize};

/// How the rows of an export are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Format {
    /// A JSON object in each line.
    JsonLines,
    /// Comma-separated values with a header, as in RFC 4180. In a cell that a spreadsheet would take for a
    /// formula, because it starts with `=`, `+`, `-`, `@`, a tab or a carriage return, a `'` is put before it.
    Csv,
}

/// A row of an export.
pub trait Row: Serialize + Send + 'static {
    /// The names of the cells.
    #[doc(hidden)]
    const HEADER: &'static [&'static str];

    /// Numbers and text, in the order of the header.
    #[doc(hidden)]
    fn cells(&self) -> Vec<Cell<'_>>;
}

/// A cell of a row.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// What no account can choose.
    Number(i64),
    /// What anybody may have written.
    Text(&'a str),
    /// Nothing.
    Empty,
}

impl Format {
    /// What stands before the first row.
    pub(super) fn header<R: Row>(self) -> Vec<u8> {
        match self {
            Self::JsonLines => Vec::new(),
            Self::Csv => csv_of([R::HEADER.iter().map(|name| (*name).to_owned())]),
        }
    }

    pub(crate) fn rows<R: Row>(self, rows: &[R]) -> Vec<u8> {
        match self {
            Self::JsonLines => json_of(rows),
            Self::Csv => csv_of(rows.iter().map(|row| row.cells().into_iter().map(written))),
        }
    }
}

fn json_of<R: Row>(rows: &[R]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row)
            .expect("numbers and text are JSON, and memory takes all");
        lines.push(b'\n');
    }
    lines
}

fn csv_of(rows: impl IntoIterator<Item: IntoIterator<Item = String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("rows have one width, and memory takes all");
    }
    writer.into_inner().expect("memory takes all")
}

fn written(cell: Cell<'_>) -> String {
    match cell {
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Cell::Text(text) => text.to_owned(),
        Cell::Empty => String::new(),
    }
}

impl<'a> Cell<'a> {
    pub(super) fn text(text: Option<&'a String>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Two(i64, &'static str);

    impl Row for Two {
        const HEADER: &'static [&'static str] = &["number", "text"];

        fn cells(&self) -> Vec<Cell<'_>> {
            vec![Cell::Number(self.0), Cell::Text(self.1)]
        }
    }

    fn csv(text: &'static str) -> String {
        String::from_utf8(Format::Csv.rows(&[Two(-1, text)])).unwrap()
    }

    #[test]
    fn a_cell_that_starts_like_a_formula_is_none() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            let line = csv(formula);
            assert!(line.contains(&format!("'{formula}")), "{line:?}");
        }
        assert_eq!(csv("1=1"), "-1,1=1\n");
    }

    #[test]
    fn what_csv_gives_a_meaning_is_quoted() {
        assert_eq!(csv("a \"b\", c\nd"), "-1,\"a \"\"b\"\", c\nd\"\n");
        assert_eq!(Format::Csv.header::<Two>(), b"number,text\n");
    }

    #[test]
    fn a_row_of_json_is_one_line() {
        assert_eq!(
            Format::JsonLines.rows(&[Two(1, "a\nb"), Two(2, "")]),
            b"[1,\"a\\nb\"]\n[2,\"\"]\n"
        );
        assert_eq!(Format::JsonLines.header::<Two>(), b"");
    }
}

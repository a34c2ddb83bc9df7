//! Parquet files in a folder for each day (UTC), `day=2026-11-30/part-0.parquet`, as `DuckDB`, Spark, `ClickHouse` and Athena read them.
//! Memory is bounded: rows wait in groups, and at most [`OPEN_DAYS`] files are open.
//! Never in it: opening files.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError as FormatError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;

use super::columns::{COLUMNS, Cell, Column, ColumnKind};
use crate::query::Row;

/// How many rows a group has, at most,
const GROUP_ROWS: usize = 50_000;
/// and how many bytes of texts.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// How many days are written at once. Rows of a log come nearly in the order of time.
const OPEN_DAYS: usize = 3;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetError {
    /// It could not be made.
    #[error("{0}")]
    Open(#[from] io::Error),
    /// It could not be written.
    #[error("{0}")]
    Write(#[from] FormatError),
}

type Part = Box<dyn Write + Send>;

/// Opens a part of a day: the name of its folder, and the number of the part.
type OpenPart<'o> = Box<dyn FnMut(&str, u32) -> io::Result<Part> + 'o>;

/// Writes rows to files by day.
pub struct ParquetFolder<'o> {
    open_part: OpenPart<'o>,
    schema: TypePtr,
    properties: Arc<WriterProperties>,
    days: Vec<Day>,
    /// How many parts each ended day has.
    ended: std::collections::HashMap<String, u32>,
    files: u64,
}

impl std::fmt::Debug for ParquetFolder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFolder").field("files", &self.files).finish_non_exhaustive()
    }
}

struct Day {
    name: String,
    writer: SerializedFileWriter<Part>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
    /// When it last got a row, counted in rows.
    used: u64,
}

/// The values of a column that wait, with their levels: whether a value is there, and whether it goes on a list.
#[derive(Default)]
struct Buffer {
    texts: Vec<ByteArray>,
    numbers: Vec<i64>,
    flags: Vec<bool>,
    present: Vec<i16>,
    repeated: Vec<i16>,
}

impl<'o> ParquetFolder<'o> {
    /// A folder whose files are opened like this.
    ///
    /// # Errors
    /// If the schema is not one: never.
    pub fn new(open_part: impl FnMut(&str, u32) -> io::Result<Part> + 'o) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("onrecord {}", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            open_part: Box::new(open_part),
            schema: Arc::new(parse_message_type(&schema())?),
            properties: Arc::new(properties),
            days: Vec::new(),
            ended: std::collections::HashMap::new(),
            files: 0,
        })
    }

    /// Takes a row.
    pub fn add(&mut self, row: &Row, number: u64) -> Result<(), ParquetError> {
        let time = row.time().to_string();
        let name = format!("day={}", time.get(..10).unwrap_or("unknown"));
        let at = match self.days.iter().position(|day| day.name == name) {
            Some(at) => at,
            None => self.open(name)?,
        };
        if let Some(day) = self.days.get_mut(at) {
            day.used = number;
            day.add(row)?;
        }
        Ok(())
    }

    /// Opens a file of a day; the place of the day among the open ones.
    fn open(&mut self, name: String) -> Result<usize, ParquetError> {
        if self.days.len() >= OPEN_DAYS {
            let oldest = self.days.iter().enumerate().min_by_key(|(_, day)| day.used).map_or(0, |(at, _)| at);
            self.days.swap_remove(oldest).end()?;
        }
        let parts = self.ended.entry(name.clone()).or_insert(0);
        let part = (self.open_part)(&name, *parts)?;
        *parts += 1;
        self.files += 1;
        let writer = SerializedFileWriter::new(part, Arc::clone(&self.schema), Arc::clone(&self.properties))?;
        let buffers = COLUMNS.iter().map(|_| Buffer::default()).collect();
        self.days.push(Day { name, writer, buffers, rows: 0, bytes: 0, used: 0 });
        Ok(self.days.len() - 1)
    }

    /// Ends all files; how many there are.
    pub fn finish(self) -> Result<u64, ParquetError> {
        for day in self.days {
            day.end()?;
        }
        Ok(self.files)
    }
}

impl Day {
    fn add(&mut self, row: &Row) -> Result<(), ParquetError> {
        for (column, buffer) in COLUMNS.iter().zip(&mut self.buffers) {
            self.bytes += buffer.add(column.cell(row));
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (column, buffer) in COLUMNS.iter().zip(&mut self.buffers) {
            if let Some(mut writer) = group.next_column()? {
                buffer.write(column, &mut writer)?;
                writer.close()?;
            }
            *buffer = Buffer::default();
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    fn end(mut self) -> Result<(), ParquetError> {
        self.write_group()?;
        self.writer.close()?;
        Ok(())
    }
}

impl Buffer {
    /// Keeps a value; how many bytes it has.
    fn add(&mut self, cell: Cell<'_>) -> usize {
        let mut bytes = 8;
        match cell {
            Cell::Text(text) => {
                self.present.push(i16::from(text.is_some()));
                if let Some(text) = text {
                    bytes += text.len() + size_of::<ByteArray>();
                    self.texts.push(ByteArray::from(text.as_ref()));
                }
            }
            Cell::List(list) if list.is_empty() => {
                self.present.push(0);
                self.repeated.push(0);
            }
            Cell::List(list) => {
                for (number, text) in list.iter().enumerate() {
                    self.present.push(1);
                    self.repeated.push(i16::from(number > 0));
                    bytes += text.len() + size_of::<ByteArray>();
                    self.texts.push(ByteArray::from(text.as_ref()));
                }
            }
            Cell::Number(number) => {
                self.present.push(i16::from(number.is_some()));
                self.numbers.extend(number);
            }
            Cell::Flag(flag) => {
                self.present.push(i16::from(flag.is_some()));
                self.flags.extend(flag);
            }
            Cell::Time(time) => {
                self.present.push(i16::from(time.is_some()));
                let micros = time.map(|time| i64::try_from(time.unix_nanos().div_euclid(1000)).unwrap_or(0));
                self.numbers.extend(micros);
            }
        }
        bytes
    }

    fn write(&self, column: &Column, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let present = Some(self.present.as_slice());
        match column.kind() {
            ColumnKind::Text => {
                writer.typed::<ByteArrayType>().write_batch(&self.texts, present, None)?;
            }
            ColumnKind::List => {
                let repeated = Some(self.repeated.as_slice());
                writer.typed::<ByteArrayType>().write_batch(&self.texts, present, repeated)?;
            }
            ColumnKind::Number | ColumnKind::Time => {
                writer.typed::<Int64Type>().write_batch(&self.numbers, present, None)?;
            }
            ColumnKind::Flag => {
                writer.typed::<BoolType>().write_batch(&self.flags, present, None)?;
            }
        }
        Ok(())
    }
}

/// The schema of the files.
fn schema() -> String {
    let column = |column: &Column| {
        let name = column.name;
        match column.kind() {
            ColumnKind::Text => format!("optional binary {name} (STRING);\n"),
            ColumnKind::Number => format!("optional int64 {name};\n"),
            ColumnKind::Flag => format!("optional boolean {name};\n"),
            ColumnKind::Time => format!("optional int64 {name} (TIMESTAMP(MICROS,true));\n"),
            ColumnKind::List => {
                format!(
                    "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}\n"
                )
            }
        }
    };
    format!("message audit {{\n{}}}", COLUMNS.iter().map(column).collect::<String>())
}

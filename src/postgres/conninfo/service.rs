//! The service file: named sections of parameters, chosen by `service=name` or `PGSERVICE`.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{ConnInfoError, Position, Problem};
use super::keywords::Keyword;
use super::settings::{Setting, Settings, is_space};
use crate::files::{Content, FileError, Files};
use crate::values::Secret;

/// A section of a service file, remembered so that a password in it can be read anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct Section {
    path: PathBuf,
    /// Whether the path may be printed: not when it came from the connection string.
    is_public: bool,
    name: Vec<u8>,
}

/// Fills what the text did not set from the service it names, if it names one. Returns where that was found.
pub(in crate::postgres) fn fill(
    settings: &mut Settings,
    environment: &dyn Environment,
) -> Result<Option<Section>, ConnInfoError> {
    let variable = |name| environment.var(name).map(|value| value.into_encoded_bytes());
    let given = settings.get(Keyword::Service);
    let place = given.map_or(Position::Variable("PGSERVICE"), |setting| setting.place.clone());
    let Some(name) = given
        .map(|setting| setting.bytes.clone())
        .or_else(|| variable("PGSERVICE"))
    else {
        return Ok(None);
    };
    let mut files = 0;
    for file in candidates(settings, environment)? {
        let section = Section {
            path: file.path,
            is_public: file.is_public,
            name: name.clone(),
        };
        environment.looks_at(&section.path);
        let read = match section.content(&environment.files()) {
            Err(FileError::Unseen(_)) if !file.is_required => continue,
            read => read.map_err(|error| section.unreadable(error))?,
        };
        files += 1;
        if let Some(found) = section.parse(read.bytes())? {
            found
                .into_iter()
                .for_each(|(keyword, setting)| settings.set_default(keyword, setting));
            return Ok(Some(section));
        }
    }
    Err(ConnInfoError::new(place, Problem::ServiceMissing { files }))
}

struct Candidate {
    path: PathBuf,
    is_public: bool,
    /// A file that was asked for must exist; the places that are looked at by default need not.
    is_required: bool,
}

/// The user's file, then the system's.
fn candidates(settings: &Settings, environment: &dyn Environment) -> Result<Vec<Candidate>, ConnInfoError> {
    const USER_FILE: &str = ".pg_service.conf";
    const SYSTEM_FILE: &str = "pg_service.conf";
    let optional = |path| Candidate {
        path,
        is_public: true,
        is_required: false,
    };
    let mut files = Vec::new();
    if let Some(path) = settings.text(Keyword::ServiceFile)? {
        files.push(Candidate {
            path: path.into(),
            is_public: false,
            is_required: true,
        });
    } else if let Some(path) = environment.var("PGSERVICEFILE") {
        files.push(Candidate {
            path: path.into(),
            is_public: true,
            is_required: true,
        });
    } else if let Some(home) = environment.home_dir() {
        files.push(optional(home.join(USER_FILE)));
    }
    match environment.var("PGSYSCONFDIR") {
        Some(dir) => files.push(optional(Path::new(&dir).join(SYSTEM_FILE))),
        None => files.extend(
            environment
                .system_config_dirs()
                .into_iter()
                .map(|dir| optional(dir.join(SYSTEM_FILE))),
        ),
    }
    Ok(files)
}

impl Section {
    /// The secret that the section gives now, a password or a pass phrase; an empty one is none.
    pub(in crate::postgres) fn secret(
        &self,
        wanted: Keyword,
        files: &Files,
    ) -> Result<Option<Secret>, ConnInfoError> {
        let content = self.content(files).map_err(|error| self.unreadable(error))?;
        let settings = self.parse(content.bytes())?.unwrap_or_default();
        let secret = settings.into_iter().find(|(keyword, _)| *keyword == wanted);
        Ok(secret
            .filter(|(_, value)| !value.bytes.is_empty())
            .map(|(_, value)| Secret::new(value.bytes)))
    }

    fn content(&self, files: &Files) -> Result<Content, FileError> {
        files.read_or_last(&self.path)
    }

    /// The section's parameters, the first of each; none when the file has no such section.
    fn parse(&self, content: &[u8]) -> Result<Option<Vec<(Keyword, Setting)>>, ConnInfoError> {
        let mut found: Option<Vec<(Keyword, Setting)>> = None;
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let line = trim(line);
            match (line.first(), &mut found) {
                (None | Some(b'#'), _) => {}
                (Some(b'['), Some(_)) => break,
                (Some(b'['), None) => found = self.is_header(line).then(Vec::new),
                (Some(_), None) => {}
                (Some(_), Some(settings)) => {
                    let (keyword, setting) = self.assignment(line, index + 1)?;
                    if !settings.iter().any(|(known, _)| *known == keyword) {
                        settings.push((keyword, setting));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether the line is `[name]`; libpq does not look at what follows the bracket.
    fn is_header(&self, line: &[u8]) -> bool {
        line.strip_prefix(b"[")
            .and_then(|rest| rest.strip_prefix(self.name.as_slice()))
            .is_some_and(|rest| rest.starts_with(b"]"))
    }

    /// Reads `name=value`; white space around `=` belongs to name and value, as in libpq.
    fn assignment(&self, line: &[u8], number: usize) -> Result<(Keyword, Setting), ConnInfoError> {
        let place = Position::ServiceFile {
            path: self.public_path(),
            line: Some(number),
        };
        let mut parts = line.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next());
        let Some(value) = value else {
            return Err(ConnInfoError::new(place, Problem::ServiceLine));
        };
        match Keyword::find(name) {
            Some(Keyword::Service | Keyword::ServiceFile) => {
                Err(ConnInfoError::new(place, Problem::NestedService))
            }
            Some(keyword) => Ok((
                keyword,
                Setting {
                    bytes: value.to_vec(),
                    place,
                },
            )),
            None => {
                let closest = Keyword::closest(name).map(Keyword::name);
                Err(ConnInfoError::new(place, Problem::UnknownParameter { closest }))
            }
        }
    }

    fn public_path(&self) -> Option<PathBuf> {
        self.is_public.then(|| self.path.clone())
    }

    fn unreadable(&self, error: FileError) -> ConnInfoError {
        let place = Position::ServiceFile {
            path: self.public_path(),
            line: None,
        };
        ConnInfoError::new(place, Problem::Unreadable(error))
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let start = line
        .iter()
        .position(|byte| !is_space(*byte))
        .unwrap_or(line.len());
    let end = line
        .iter()
        .rposition(|byte| !is_space(*byte))
        .map_or(start, |last| last + 1);
    line.get(start..end).unwrap_or_default()
}

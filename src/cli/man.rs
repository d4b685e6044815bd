//! `highwater man`: man pages, from the definition of the command line.

use super::ui;
use crate::error::{Error, Result, exit};
use crate::sink::owner::{self, Made};
use clap::{Args, Command, ValueHint};
use clap_mangen::Man;
use std::path::PathBuf;

/// Print a man page, or write all of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater man run
  highwater man --out out/man

Elsewhere:
  highwater man run | man -l -
  highwater man --out ~/.local/share/man/man1 && man highwater-run")]
pub struct ManArgs {
    /// The command to print the page of [default: the program itself]
    #[arg(conflicts_with = "out")]
    command: Option<String>,
    /// Write the pages of the program and of every command to this folder
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

impl ManArgs {
    pub fn run(&self, program: Command) -> Result<u8> {
        let mut program = program.disable_help_subcommand(true);
        // `build` hands down what subcommands inherit, such as `--log`.
        program.build();
        let commands: Vec<&Command> = program.get_subcommands().filter(|c| !c.is_hide_set()).collect();
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
            for command in std::iter::once(&program).chain(commands) {
                let path = folder.join(format!("{}.1", title(command)));
                // `put` replaces only a page that Highwater wrote itself.
                owner::put(&path, Made::Manual, page(command)?.as_bytes())?;
                ui::print(&format!("{}\n", path.display()))?;
            }
            return Ok(exit::DONE);
        }
        let Some(name) = &self.command else {
            ui::print(&page(&program)?)?;
            return Ok(exit::DONE);
        };
        let Some(command) = commands.iter().find(|command| command.get_name() == name) else {
            let names: Vec<&str> = commands.iter().map(|command| command.get_name()).collect();
            let error = Error::job(format!("there is no command `{name}`")).nearest(name, names.clone());
            return Err(error.hint(format!("the commands are {}", names.join(", "))));
        };
        ui::print(&page(command)?)?;
        Ok(exit::DONE)
    }
}

fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_string()
}

/// The page of a command. What its help ends in is kept line by line, as sections of its own.
fn page(command: &Command) -> Result<String> {
    let manual = Man::new(command.clone().after_help(""))
        .title(title(command).to_uppercase())
        .source(format!("highwater {}", env!("CARGO_PKG_VERSION")))
        .manual("Highwater");
    let mut page = vec![];
    let rendered = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    let failed = |cause: std::io::Error| Error::machine("cannot make the man page").caused_by(cause);
    rendered.iter().try_for_each(|render| render(&manual, &mut page)).map_err(failed)?;
    if command.has_subcommands() {
        manual.render_subcommands_section(&mut page).map_err(failed)?;
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut listing = false;
    for line in help.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => {
                // `.nf` keeps the line ends of examples.
                page.push_str(&format!(
                    "{}.SH {}\n.nf\n",
                    if listing { ".fi\n" } else { "" },
                    escaped(&heading.to_uppercase())
                ));
                listing = true;
            }
            None if line.trim().is_empty() => {}
            None if listing => page.push_str(&format!("{}\n", escaped(line.trim()))),
            None => {
                let (heading, text) = line.split_once(": ").unwrap_or(("Notes", line));
                page.push_str(&format!(".SH {}\n{}\n", escaped(&heading.to_uppercase()), escaped(text)));
            }
        }
    }
    if listing {
        page.push_str(".fi\n");
    }
    Ok(page)
}

/// A line of roff that says this.
fn escaped(line: &str) -> String {
    // The backslash comes first, or it would escape the escapes that follow.
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    // A line of roff that starts with a dot is a request.
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

//! `highwater completions`: what a shell offers after a tab, from the definition of the command line.

use super::ui;
use crate::error::{Error, Result, exit};
use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

/// Print shell completions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  highwater completions bash
  source <(highwater completions bash)

Elsewhere:
  highwater completions bash > ~/.local/share/bash-completion/completions/highwater
  highwater completions zsh > \"${fpath[1]}/_highwater\"
  highwater completions fish > ~/.config/fish/completions/highwater.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: ShellName,
}

/// The shells whose completions we test.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

impl CompletionsArgs {
    pub fn run(&self, mut program: Command) -> Result<u8> {
        // Only clap's script for bash does not offer files.
        let (shell, more) = match self.shell {
            ShellName::Bash => (Shell::Bash, BASH),
            ShellName::Zsh => (Shell::Zsh, ""),
            ShellName::Fish => (Shell::Fish, ""),
        };
        let mut script = vec![];
        clap_complete::generate(shell, &mut program, "highwater", &mut script);
        let script = String::from_utf8(script)
            .map_err(|cause| Error::machine("the completions are not valid UTF-8").caused_by(cause))?;
        ui::print(&format!("{script}{more}"))?;
        Ok(exit::DONE)
    }
}

/// clap offers options alone where a file is meant: files come in their place, and job files first.
const BASH: &str = r#"
_highwater_and_files() {
    _highwater "$@"
    local current=${COMP_WORDS[COMP_CWORD]} word words=() wanted=1
    for word in "${COMPREPLY[@]}"; do
        case $word in
            # What clap has for an argument that is typed.
            "<"* | "["*) ;;
            -*) words+=("$word") ;;
            *) words+=("$word") wanted=0 ;;
        esac
    done
    COMPREPLY=("${words[@]}")
    if [[ $current != -* && $wanted = 1 ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=()
        # Folders, to go on in, and job files; where there are none of either, all files.
        while IFS= read -r word; do
            if [[ -d $word || $word = *.toml ]]; then COMPREPLY+=("$word"); fi
        done < <(compgen -f -- "$current" | LC_ALL=C sort)
        if [[ ${#COMPREPLY[@]} = 0 ]]; then
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current" | LC_ALL=C sort)
        fi
    fi
}

complete -F _highwater_and_files -o nosort -o bashdefault -o default highwater 2>/dev/null ||
    complete -F _highwater_and_files -o bashdefault -o default highwater
"#;

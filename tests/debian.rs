//! The Debian package: made of this build by `packages/debian`, checked by lintian, unpacked, and used by the shells and man.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const DEBIAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packages/debian");

/// What a command printed; it has to succeed.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn both(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Makes the package in a folder, without the minute that a good compression of a debug build takes.
fn packed(folder: &Path) -> PathBuf {
    let mut command = Command::new(DEBIAN);
    command.args(["--program", env!("CARGO_BIN_EXE_keyboss"), "--out"]).arg(folder);
    let fast = [("DPKG_DEB_COMPRESSOR_TYPE", "gzip"), ("DPKG_DEB_COMPRESSOR_LEVEL", "1")];
    PathBuf::from(printed(command.envs(fast)).trim())
}

/// The package, made once for every test, and the folder that it is unpacked in.
fn package() -> &'static (PathBuf, PathBuf) {
    static MADE: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
        let _ = fs::remove_dir_all(&folder);
        let root = folder.join("root");
        fs::create_dir_all(&root).unwrap();
        let package = packed(&folder);
        printed(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&root));
        (package, root)
    })
}

#[test]
#[ignore = "needs Debian's tools"]
fn the_package_says_what_it_is_and_lintian_agrees() {
    let (package, _) = package();
    let field = |name: &str| printed(Command::new("dpkg-deb").arg("-f").arg(package).arg(name)).trim().to_owned();
    assert_eq!(field("Version"), format!("{}-1", env!("CARGO_PKG_VERSION")));
    assert_eq!(field("Architecture"), printed(Command::new("dpkg").arg("--print-architecture")).trim());
    assert!(field("Depends").contains("libc6 (>= "), "{}", field("Depends"));
    let lintian = ["--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"];
    let output = Command::new("lintian").args(lintian).arg(package).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", both(&output));
}

#[test]
#[ignore = "needs Debian's tools"]
fn the_same_program_makes_the_same_bytes() {
    let (first, _) = package();
    let again = tempfile::tempdir().unwrap();
    assert!(fs::read(first).unwrap() == fs::read(packed(again.path())).unwrap());
}

#[test]
#[ignore = "needs Debian's tools"]
fn installed_it_runs_and_dpkg_knows_its_files() {
    let (package, _) = package();
    let root = tempfile::tempdir().unwrap();
    let dpkg = |arguments: &[&str]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", root.path().display())).args(arguments);
        command
    };
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
    // The root is empty: the libraries are those of this machine.
    printed(dpkg(&["--force-depends", "--log=/dev/null", "-i"]).arg(package));
    assert_eq!(printed(&mut dpkg(&["--verify", "keyboss"])), "");
    let program = root.path().join("usr/bin/keyboss");
    let version = concat!("keyboss ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(printed(Command::new(&program).arg("--version")), version);
    let rehearsed = printed(Command::new(&program).args(["rehearse", "--local"]));
    assert!(rehearsed.contains("rehearsal: deployed to namespace keyboss"), "{rehearsed}");
    printed(dpkg(&["--log=/dev/null", "-P", "keyboss"]).env("DEBIAN_FRONTEND", "noninteractive"));
    assert!(!program.exists());
}

#[test]
#[ignore = "needs Debian's tools"]
fn shells_find_its_completions_and_man_its_pages() {
    let (_, root) = package();
    let share = root.join("usr/share");
    let path = format!("{}:{}", root.join("usr/bin").display(), std::env::var("PATH").unwrap());
    let shell = |shell: &str, options: &[&str], script: &str| {
        let mut command = Command::new(shell);
        command.args(options).arg("-c").arg(script).env("PATH", &path).env("HOME", root).env("SHARE", &share);
        printed(&mut command)
    };
    // As bash-completion does for the first word of a line.
    let bash = "XDG_DATA_DIRS=$SHARE; . /usr/share/bash-completion/bash_completion; _completion_loader keyboss; \
                COMP_WORDS=(keyboss open gra); COMP_CWORD=2; _keyboss keyboss gra open; echo \"${COMPREPLY[*]}\"";
    assert_eq!(shell("bash", &["--norc"], bash), "grafana\n");
    let zsh = "fpath=($SHARE/zsh/vendor-completions $fpath); autoload -U compinit; compinit -D -u; \
               autoload +X _keyboss; print $_comps[keyboss] ${+functions[_keyboss]}";
    assert_eq!(shell("zsh", &["-f"], zsh), "_keyboss 1\n");
    let fish = "set -p fish_complete_path $SHARE/fish/vendor_completions.d; complete -C 'keyboss unl'";
    assert_eq!(shell("fish", &["--no-config"], fish).split_whitespace().next(), Some("unlock"));

    let pages = share.join("man");
    let mut man = Command::new("man");
    man.arg("--warnings").arg("-M").arg(&pages).env("MANPAGER", "cat").env("MANWIDTH", "100");
    let output = man.args(["1", "keyboss-backup-restore"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", both(&output));
    assert!(both(&output).contains("SYNOPSIS"), "{}", both(&output));
}

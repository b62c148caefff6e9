//! The program as a person runs it, where no cluster is needed: what is refused, and how it is said.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde::Deserialize;

const NOTHING_TOUCHED: i32 = 2;

/// A kubeconfig with one context, whose server does not exist.
const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: CONTEXT
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: CONTEXT, context: {cluster: c, user: u, namespace: NAMESPACE}}]
";

fn keyboss(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keyboss"))
        .args(arguments)
        .current_dir(folder)
        .env("KUBECONFIG", folder.join("kubeconfig"))
        .env_remove("RUST_LOG")
        // An error is an annotation there.
        .env_remove("GITHUB_ACTIONS")
        .output()
        .unwrap()
}

fn folder(context: &str, namespace: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = KUBECONFIG.replace("CONTEXT", context).replace("NAMESPACE", namespace);
    fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
    folder
}

fn refused(output: &Output, expected: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(NOTHING_TOUCHED), "{stderr}");
    assert!(output.stdout.is_empty(), "{output:?}");
    for text in expected {
        assert!(stderr.contains(text), "{text:?} is not in {stderr:?}");
    }
}

#[test]
fn a_render_needs_no_cluster_and_holds_what_the_place_asks() {
    let folder = tempfile::tempdir().unwrap();
    let output = keyboss(folder.path(), &["render", "--deti"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("storageClassName: longhorn").count(), text.matches("longhorn").count());
    assert!(text.contains("namespace: tenant-keyboss"));
    assert!(!text.contains("local-path") && !text.contains("localhost"));
    let one = keyboss(folder.path(), &["render", "--local", "--phase", "backup"]);
    let one = String::from_utf8(one.stdout).unwrap();
    assert!(one.contains("kind: CronJob") && !one.contains("kind: Deployment"), "{one}");
}

#[test]
fn a_wrong_value_is_one_error() {
    let folder = folder("k3d-x", "keyboss");
    let output = keyboss(folder.path(), &["deploy", "--local", "--set", "ingress.clas=nginx"]);
    refused(&output, &["--set ingress.clas=nginx", "did you mean ingress.class?"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{output:?}");
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let folder = folder("k3d-x", "keyboss");
    refused(&keyboss(folder.path(), &["deploy"]), &["--local", "--deti"]);
    refused(
        &keyboss(folder.path(), &["deploy", "--local", "--only", "nine"]),
        &["is not a phase", "8 servicemonitors"],
    );
    refused(&keyboss(folder.path(), &["deploy", "--env", "prod"]), &["there is no environment prod", "deti, local"]);
}

#[test]
fn a_context_that_the_environment_does_not_name_is_refused() {
    let elsewhere = folder("production", "default");
    refused(&keyboss(elsewhere.path(), &["deploy", "--local"]), &["context production", "k3d-*", "--context"]);
    refused(&keyboss(elsewhere.path(), &["deploy", "--deti"]), &["context production", "tenant-keyboss"]);
    refused(
        &keyboss(elsewhere.path(), &["deploy", "--local", "--context", "no"]),
        &["no context \"no\"", "production"],
    );
}

#[test]
fn an_api_server_that_the_environment_does_not_expect_is_refused() {
    let folder = folder("k3d-x", "keyboss");
    let output = keyboss(folder.path(), &["deploy", "--local", "--set", "expect.server=https://shop.example:*"]);
    refused(
        &output,
        &["API server http://127.0.0.1:1", "https://shop.example:*", "`expect.server` in envs/local.yaml"],
    );
    let output = keyboss(folder.path(), &["deploy", "--local", "--set", "expect.namespace=tenant-*"]);
    refused(&output, &["namespace keyboss", "tenant-*", "`expect.namespace`"]);
}

#[test]
fn a_reset_that_nobody_can_agree_to_is_refused() {
    let folder = folder("k3d-x", "keyboss");
    let reset = ["deploy", "--local", "--reset"];
    refused(&keyboss(folder.path(), &reset), &["stdin is no terminal", "--yes", "--dry-run"]);
    for agreed in ["--yes", "--dry-run"] {
        refused(&keyboss(folder.path(), &[&reset[..], &[agreed]].concat()), &["127.0.0.1:1", "cannot be reached"]);
    }
    for part in [&["--from", "4"][..], &["--only", "config"], &["--resume"], &["--diff"]] {
        refused(&keyboss(folder.path(), &[&reset[..], &["--yes"], part].concat()), &["cannot be used with"]);
    }
    let [saves, drops] = ["--backup-first", "--with-backups"];
    refused(&keyboss(folder.path(), &[&reset[..], &["--yes", saves, drops]].concat()), &["cannot be used with"]);
    for alone in ["--with-backups", "--backup-first", "--yes"] {
        refused(&keyboss(folder.path(), &["deploy", "--local", alone]), &["--reset"]);
    }
}

#[test]
fn a_restore_is_of_a_backup_or_of_a_moment() {
    let folder = folder("k3d-x", "keyboss");
    let run = |arguments: &[&str]| keyboss(folder.path(), &[&["backup", "restore", "--local"], arguments].concat());
    let moment = ["--at", "2026-01-02T10:00:00Z"];
    refused(&run(&[]), &["<NAME|--at <TIME>>", "required"]);
    refused(&run(&[&["keyboss-20260102T020000Z"][..], &moment].concat()), &["cannot be used with", "--at <TIME>"]);
    for wrong in ["yesterday", "2026-01-02", "2026-01-02T10:00:00", "2026-01-02T25:00:00Z"] {
        refused(&run(&["--at", wrong]), &[wrong, "--at <TIME>", "such as 2026-01-02T10:00:00Z"]);
    }
    let unreachable = ["127.0.0.1:1", "cannot be reached"];
    for right in
        [&["keyboss-20260102T020000Z"][..], &moment, &["--at", "2026-01-02T11:00:00.5+01:00", "--to", "old_shop"]]
    {
        refused(&run(right), &unreachable);
    }
    refused(&keyboss(folder.path(), &["backup", "span", "--local", "--output", "json"]), &unreachable);
}

#[test]
fn a_missing_kubeconfig_and_an_unreachable_cluster_are_clear() {
    let nowhere = tempfile::tempdir().unwrap();
    refused(&keyboss(nowhere.path(), &["deploy", "--local"]), &["kubeconfig"]);
    let folder = folder("k3d-x", "keyboss");
    refused(&keyboss(folder.path(), &["deploy", "--local"]), &["k3d-x", "127.0.0.1:1", "cannot be reached"]);
    let logged = keyboss(folder.path(), &["deploy", "--local", "-v"]);
    refused(&logged, &["connecting", "k3d-x", "cannot be reached"]);
    assert!(!logged.stderr.contains(&0x1b), "colours without a terminal: {logged:?}");
}

#[test]
fn a_doctor_says_what_it_cannot_reach_and_checks_the_rest() {
    let folder = folder("k3d-x", "keyboss");
    let output = keyboss(folder.path(), &["doctor", "--local"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let line = |check: &str| {
        text.lines().find(|line| line[6..].starts_with(check)).unwrap_or_else(|| panic!("{check}: {text}"))
    };
    assert!(line("server").starts_with("fail") && line("server").contains("127.0.0.1:1"), "{text}");
    assert!(line("server").contains("cannot be reached"), "{text}");
    for (check, verdict) in
        [("manifests", "ok"), ("context", "ok"), ("dns", "ok"), ("quota", "warn"), ("rights", "warn")]
    {
        assert!(line(check).starts_with(verdict), "{check}: {text}");
    }
    assert!(line("quota").contains("not checked: the API server does not answer"), "{text}");
    assert!(
        text.lines().last().unwrap().contains("would not work: 1 failure; 14 warnings; first, server: see that"),
        "{text}"
    );
    refused(&keyboss(folder.path(), &["doctor", "--env", "prod"]), &["there is no environment prod"]);
    refused(&keyboss(folder.path(), &["doctor", "--local", "--context", "no"]), &["no context \"no\""]);
    refused(&keyboss(folder.path(), &["doctor", "--local", "--set", "ingress.clas=x"]), &["did you mean"]);
    // It would be refused, and the rest is said all the same.
    let elsewhere = self::folder("production", "default");
    let output = keyboss(elsewhere.path(), &["doctor", "--local"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("fail  context") && text.contains("fail  server"), "{text}");
}

#[test]
fn secrets_that_others_may_read_are_refused_and_never_shown() {
    let folder = folder("k3d-x", "keyboss");
    let secrets = folder.path().join("secrets.yaml");
    let arguments = ["deploy", "--local", "--secrets-file", "secrets.yaml"];
    fs::write(&secrets, "POSTGRES_PASSWORD: hunter22hunter22\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&keyboss(folder.path(), &arguments), &["secrets.yaml", "chmod 600"]);
    fs::write(&secrets, "- hunter22hunter22\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let output = keyboss(folder.path(), &arguments);
    refused(&output, &["secrets.yaml", "mapping"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter22"), "{output:?}");
}

#[test]
fn a_project_of_ones_own_replaces_the_built_in_one() {
    let folder = folder("k3d-x", "keyboss");
    refused(&keyboss(folder.path(), &["render", "--local", "--project", "."]), &["--project .", "envs/default.yaml"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(folder.path().join("envs")).unwrap();
    for file in ["default.yaml", "local.yaml"] {
        fs::copy(root.join("envs").join(file), folder.path().join("envs").join(file)).unwrap();
    }
    let manifests = folder.path().join("manifests/1-config");
    fs::create_dir_all(&manifests).unwrap();
    let own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {a: '{{ extra.greeting }}'}\n";
    fs::write(manifests.join("own.yaml"), own).unwrap();
    let arguments = ["render", "--local", "--project", ".", "--set", "extra.greeting=hello"];
    let output = keyboss(folder.path(), &arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("a: hello") && text.contains("managed-by: keyboss"), "{output:?}");
    refused(&keyboss(folder.path(), &arguments[..4]), &["own.yaml:4", "not in envs/default.yaml"]);
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = keyboss(folder.path(), arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        for word in ["deploy", "logs", "open", "follow"] {
            assert!(script.contains(word), "{word} is not in that of {shell}");
        }
    }
    let script = folder.path().join("keyboss.bash");
    fs::write(&script, run(&["completions", "bash"])).unwrap();
    // What a person completes after `keyboss open gra`.
    let completes = "source keyboss.bash; COMP_WORDS=(keyboss open gra); COMP_CWORD=2; _keyboss keyboss gra open; echo \
                     \"${COMPREPLY[*]}\"";
    let output = Command::new("bash").args(["-c", completes]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "grafana\n", "{output:?}");

    assert!(run(&["man"]).starts_with(".ie"), "{}", run(&["man"]));
    run(&["man", "--out", "."]);
    for page in ["keyboss.1", "keyboss-deploy.1", "keyboss-logs.1", "keyboss-backup-restore.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    refused(&keyboss(folder.path(), &["man", "--out", "nowhere"]), &["cannot be written into nowhere"]);
    refused(&keyboss(folder.path(), &["completions", "tcsh"]), &["tcsh", "bash"]);
}

#[test]
fn colours_are_used_where_they_are_wanted() {
    let history = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keyboss"));
        command.env_clear().envs(variables.iter().copied()).args(arguments);
        let output = command.args(["-v", "rehearse", "--local", "--only", "backup"]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap().contains('\u{1b}')
    };
    for (arguments, variables, expected) in [
        (&[][..], &[][..], false),
        (&["--color", "always"], &[], true),
        (&["--color=never"], &[("CLICOLOR_FORCE", "1")], false),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&["--color", "auto"], &[("NO_COLOR", "1")], false),
    ] {
        assert_eq!(history(arguments, variables), expected, "{arguments:?} {variables:?}");
    }
}

/// A word's values in a Dockerfile.
fn lines<'a>(dockerfile: &'a str, word: &str) -> Vec<&'a str> {
    dockerfile.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
}

/// The pods and containers of Deployments that run an image of this name.
fn pods_of(image: &str, text: &str) -> Vec<(serde_yaml::Value, serde_yaml::Value)> {
    let documents = serde_yaml::Deserializer::from_str(text).map(|one| serde_yaml::Value::deserialize(one).unwrap());
    let mut found = Vec::new();
    for object in documents {
        let pod = &object["spec"]["template"]["spec"];
        for container in pod["containers"].as_sequence().into_iter().flatten() {
            if container["image"].as_str().is_some_and(|name| name.starts_with(image)) {
                found.push((pod.clone(), container.clone()));
            }
        }
    }
    found
}

#[test]
fn the_image_is_what_the_manifests_run_and_the_cluster_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let (image, tested) = (read("Dockerfile"), read("tests/cluster/images/keyboss/Dockerfile"));
    for word in ["USER", "ENTRYPOINT"] {
        assert_eq!(lines(&image, word), lines(&tested, word), "{word}");
    }
    assert!(lines(&image, "COPY").iter().any(|copied| copied.ends_with("/release/keyboss /usr/local/bin/keyboss")));
    assert!(tested.contains("keyboss /usr/local/bin/keyboss"), "{tested}");
    // What Docker is not sent it cannot copy.
    let sent = read(".dockerignore");
    for copied in lines(&image, "COPY").into_iter().filter(|copied| !copied.starts_with("--from")) {
        let (sources, _) = copied.rsplit_once(' ').unwrap();
        for source in sources.split(' ') {
            assert!(sent.contains(&format!("!{source}\n")) && root.join(source).exists(), "{source} of {copied}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let rendered = keyboss(folder.path(), &["render", "--local"]);
    let pods = pods_of("keyboss/keyboss:", &String::from_utf8(rendered.stdout).unwrap());
    let mut commands = Vec::new();
    for (pod, container) in &pods {
        let context = |field: &str| {
            let own = container["securityContext"][field].as_u64();
            own.or(pod["securityContext"][field].as_u64()).unwrap()
        };
        let user = format!("{}:{}", context("runAsUser"), context("runAsGroup"));
        assert_eq!(lines(&image, "USER"), [user], "{container:?}");
        assert!(container["command"].is_null(), "{container:?}");
        let command = container["args"][0].as_str().unwrap();
        assert!(keyboss(folder.path(), &[command, "--help"]).status.success(), "{command}");
        commands.push(command);
    }
    commands.sort_unstable();
    assert_eq!(commands, ["exporter", "watchdog"]);
}

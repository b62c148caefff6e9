//! Copies of dumps in a real S3-compatible store: they come back whole, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::backup::{BACKUP, VERIFY, rows, shop, succeeds};
use crate::pods::{hold, inside};
use crate::postgres::{ZERO, sql};

/// Its credentials, which nothing may print.
const KEY: [&str; 2] = ["keyboss", "a-key-that-nobody-sees"];
const ENDPOINT: &str = "http://127.0.0.1:8333";
/// How long the store may take to begin.
const BEGINS: Duration = Duration::from_secs(60);

/// SeaweedFS on the loopback interface of a network namespace of its own.
struct Store {
    network: Child,
    server: Option<Child>,
    dir: TempDir,
}

impl Store {
    fn new() -> Self {
        let network = hold(&["--net"]);
        assert!(inside(&network, &["ip", "link", "set", "lo", "up"]).status().unwrap().success());
        let dir = tempfile::Builder::new().prefix("keyboss-store-").tempdir().unwrap();
        let identity = format!(
            r#"{{"identities": [{{"name": "keyboss", "credentials": [{{"accessKey": "{}", "secretKey": "{}"}}],
                "actions": ["Admin", "Read", "Write", "List"]}}]}}"#,
            KEY[0], KEY[1]
        );
        fs::write(dir.path().join("s3.json"), identity).unwrap();
        let mut store = Self { network, server: None, dir };
        store.start();
        assert_eq!(store.request(&["-X", "PUT"], ""), "200");
        store
    }

    fn start(&mut self) {
        let program = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seaweedfs")).output().unwrap().stdout;
        let program = String::from_utf8(program).unwrap();
        let data = self.dir.path().join("data");
        fs::create_dir_all(&data).unwrap();
        let [data, identities] =
            [format!("-dir={}", data.display()), format!("-s3.config={}/s3.json", self.dir.path().display())];
        let arguments = [
            "server",
            &data,
            &identities,
            "-ip=127.0.0.1",
            "-filer",
            "-s3",
            "-volume.max=20",
            "-master.volumeSizeLimitMB=64",
        ];
        let mut command = inside(&self.network, &[&[program.trim()][..], &arguments].concat());
        // With it the store encrypts what it keeps.
        command.env("WEED_S3_SSE_KEK", "8f".repeat(32)).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().unwrap());
        let until = Instant::now() + BEGINS;
        while !["200", "403", "404"].contains(&self.request(&["-I"], "").as_str()) {
            assert!(Instant::now() < until, "the store does not begin");
            sleep(Duration::from_millis(200));
        }
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// The HTTP status of a request of the bucket, or of an object in it.
    fn request(&self, options: &[&str], object: &str) -> String {
        let words = ["-o", "/dev/null", "-w", "%{http_code}"];
        String::from_utf8(self.curl(&[&words, options].concat(), object).stdout).unwrap()
    }

    fn curl(&self, options: &[&str], object: &str) -> Output {
        let (user, url) = (KEY.join(":"), format!("{ENDPOINT}/dumps/{object}"));
        let unsigned = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
        let words = ["curl", "-s", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", unsigned, "--user", &user];
        inside(&self.network, &[&words, options, &[&url]].concat()).output().unwrap()
    }

    /// `keyboss off-site` in the folder of the dumps, as the CronJob's pod runs it: whether it succeeded, and what it said.
    fn keyboss(&self, folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
        let program = [env!("CARGO_BIN_EXE_keyboss"), "off-site"];
        let mut command = inside(&self.network, &[&program, arguments].concat());
        command.env("BACKUP_DIR", folder).env("OFF_SITE_ENDPOINT", ENDPOINT).env("OFF_SITE_BUCKET", "dumps");
        command.env("BACKUP_S3_ACCESS_KEY_ID", KEY[0]).env("BACKUP_S3_SECRET_ACCESS_KEY", KEY[1]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(!said.contains(KEY[1]) && !said.contains("AGE-SECRET-KEY-1W"), "{said}");
        (output.status.success(), said)
    }

    fn succeeds(&self, folder: &Path, arguments: &[&str], environment: &[(&str, &str)], words: &str) {
        let (succeeded, said) = self.keyboss(folder, arguments, environment);
        assert!(succeeded && said.contains(words), "{words}: {said}");
    }

    fn fails(&self, folder: &Path, arguments: &[&str], environment: &[(&str, &str)], words: &str) {
        let (succeeded, said) = self.keyboss(folder, arguments, environment);
        assert!(!succeeded && said.contains(words), "{words}: {said}");
    }

    /// The names of the copies.
    fn names(&self, folder: &Path, environment: &[(&str, &str)]) -> Vec<String> {
        let (succeeded, said) = self.keyboss(folder, &["list"], environment);
        assert!(succeeded, "{said}");
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned();
        said.lines().map(line).collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The folder's files, but for the lock.
fn files(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = all.filter(|name| name != ".lock").collect();
    names.sort();
    names
}

/// A dump of that day with its manifest; what is in it does not matter to a store.
fn write(folder: &Path, day: u32) -> String {
    let name = format!("keyboss-202601{day:02}T020000Z");
    let dump: Vec<u8> = (0..200_000_u32 * day).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest: String = Sha256::digest(&dump).iter().map(|byte| format!("{byte:02x}")).collect();
    let manifest = format!(
        r#"{{"time": "2026-01-{day:02}T02:00:00Z", "database": "saleor", "server": "15.4", "timeline": 1, "lsn": "0/1",
            "source": "postgres-1.postgres", "seconds": 1, "bytes": {}, "sha256": "{digest}", "tables": {{"public.sale": 7}}}}"#,
        dump.len()
    );
    fs::write(dump_of(folder, &name), dump).unwrap();
    fs::write(folder.join(format!("{name}.json")), manifest).unwrap();
    name
}

fn dump_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sql.gz"))
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn a_dump_comes_back_from_the_store_and_is_restored() {
    let mut world = shop();
    let store = Store::new();
    let volume = world.volume(BACKUP, "backup");
    let before = rows(&world);
    succeeds(&mut world, BACKUP, "141 tables");
    store.succeeds(&volume, &["ship"], &[], "read back and compared");
    store.succeeds(&volume, &["ship"], &[], "1 dumps are in bucket dumps");

    // The volume is lost, and the database is empty.
    let name = store.names(&volume, &[]).pop().unwrap();
    sql(&world, ZERO, "DROP OWNED BY saleor; CREATE SCHEMA IF NOT EXISTS public; ALTER SCHEMA public OWNER TO saleor");
    files(&volume).iter().for_each(|file| fs::remove_file(volume.join(file)).unwrap());
    store.succeeds(&volume, &["pull", &name], &[], "is on the volume again");
    succeeds(&mut world, VERIFY, "is whole: 141 tables");
    let restore = ["bash", "/scripts/restore.sh", &name, "from_the_store"].map(str::to_owned);
    assert!(world.run_job_as(BACKUP, &restore), "{}", world.log(BACKUP));
    let restored = crate::backup::rows_of(&world, "from_the_store");
    assert!(restored == before, "a row is lost");
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn what_goes_wrong_with_a_copy_costs_no_dump() {
    let mut store = Store::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (first, second) = (write(folder, 1), write(folder, 2));
    let on_volume = files(folder);

    // The store is down: everything stays where it is, and is copied once it is back.
    store.stop();
    store.fails(folder, &["ship"], &[], "Connection refused");
    assert_eq!(files(folder), on_volume);
    store.start();
    // One that is damaged is not copied, and keeps no other back.
    let whole = fs::read(dump_of(folder, &second)).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(dump_of(folder, &second), damaged).unwrap();
    store.fails(folder, &["ship"], &[], "its SHA-256 is another one than in its manifest");
    assert_eq!(store.names(folder, &[]), std::slice::from_ref(&first));
    fs::write(dump_of(folder, &second), &whole).unwrap();
    store.succeeds(folder, &["ship"], &[], "2 dumps are in bucket dumps");

    // A copy without its manifest is none, and is made again.
    assert_eq!(store.request(&["-X", "DELETE"], &format!("keyboss/{second}.json")), "204");
    assert_eq!(store.names(folder, &[]), std::slice::from_ref(&first));
    store.succeeds(folder, &["ship"], &[], &format!("{second}: "));

    // One that is damaged in the store does not come back, nor one that is not there; the dump of a volume stays.
    let object = format!("keyboss/{first}.sql.gz");
    assert_eq!(store.request(&["-X", "PUT", "--data-binary", "no dump"], &object), "200");
    store.succeeds(folder, &["pull", &first], &[], "is on the volume already");
    fs::remove_file(dump_of(folder, &first)).unwrap();
    store.fails(folder, &["pull", &first], &[], "its SHA-256 is");
    store.fails(folder, &["pull", "keyboss-20250101T020000Z"], &[], &format!("the newest is {second}"));
    store.fails(folder, &["pull", "../../etc/passwd"], &[], "there is no ../../etc/passwd");
    assert_eq!(files(folder), [format!("{first}.json"), format!("{second}.json"), format!("{second}.sql.gz")]);

    // The newest stay, and nothing goes that is no copy.
    assert_eq!(store.request(&["-X", "PUT", "--data-binary", "x"], "keyboss/notes.txt"), "200");
    let third = write(folder, 3);
    store.succeeds(folder, &["ship", "--keep", "2"], &[], &format!("removing {first}"));
    assert_eq!(store.names(folder, &[]), [second, third]);
    assert_eq!(store.request(&["-I"], &object), "404");
    assert_eq!(store.request(&["-I"], "keyboss/notes.txt"), "200");

    for (variable, value, words) in [
        ("BACKUP_S3_SECRET_ACCESS_KEY", "another-key", "SignatureDoesNotMatch"),
        ("OFF_SITE_BUCKET", "elsewhere", "NoSuchBucket"),
        ("OFF_SITE_ENDPOINT", "store", "is no URL of a store"),
    ] {
        store.fails(folder, &["ship"], &[(variable, value)], words);
    }
}

#[test]
#[ignore = "needs root, PostgreSQL and Redis: tests/run"]
fn copies_are_encrypted_for_those_who_may_read_them() {
    let store = Store::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let name = write(folder, 1);
    let key = folder.join("key");
    let made = Command::new("age-keygen").arg("-o").arg(&key).output().unwrap();
    let recipient = String::from_utf8(made.stderr).unwrap().trim().rsplit(' ').next().unwrap().to_owned();
    let to = ("OFF_SITE_AGE_RECIPIENTS", recipient.as_str());
    store.succeeds(folder, &["ship"], &[to], "read back and compared");

    // The program age reads it, so it is readable without keyboss.
    let object = format!("keyboss/{name}.sql.gz.age");
    let sealed = folder.join("sealed");
    fs::write(&sealed, store.curl(&[], &object).stdout).unwrap();
    let opened = Command::new("age").arg("-d").arg("-i").arg(&key).arg(&sealed).output().unwrap().stdout;
    let dump = fs::read(dump_of(folder, &name)).unwrap();
    assert!(opened == dump && fs::read(&sealed).unwrap() != dump);

    // Without the key it is listed, and cannot be had.
    assert_eq!(store.names(folder, &[]), std::slice::from_ref(&name));
    fs::remove_file(dump_of(folder, &name)).unwrap();
    store.fails(folder, &["pull", &name], &[], "BACKUP_AGE_IDENTITY");
    store.fails(folder, &["pull", &name], &[("BACKUP_AGE_IDENTITY", "AGE-SECRET-KEY-1WRONG")], "is no identity of age");
    let text = fs::read_to_string(&key).unwrap();
    store.succeeds(folder, &["pull", &name], &[("BACKUP_AGE_IDENTITY", &text)], "is on the volume again");
    assert!(fs::read(dump_of(folder, &name)).unwrap() == dump);

    // The store encrypts too, where it is asked to.
    let asked = [("OFF_SITE_SERVER_SIDE_ENCRYPTION", "AES256"), ("OFF_SITE_PREFIX", "shops/one")];
    store.succeeds(folder, &["ship"], &asked, "read back and compared");
    let head = String::from_utf8(store.curl(&["-I"], &format!("shops/one/{name}.sql.gz")).stdout).unwrap();
    assert!(head.to_lowercase().contains("x-amz-server-side-encryption: aes256"), "{head}");
}

//! Volumes that are small: a file system of their own, which fills up.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::World;
use super::commands::run;

impl World {
    /// Moves a volume of a pod whose container does not run to a file system of so many megabytes. Only the pod sees it.
    pub fn confine(&mut self, pod: &str, volume: &str, megabytes: u32) {
        assert!(self.pods[pod].container.is_none(), "{pod} runs");
        let folder = self.volume(pod, volume);
        let script = "mkdir \"$0.small\" && mount -t tmpfs -o size=$1m,mode=2775,gid=999 tmpfs \"$0.small\" &&
            cp -a \"$0/.\" \"$0.small\" && mount --move \"$0.small\" \"$0\"";
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.sandbox(pod).to_string(), "sh", "-c", script]);
        command.arg(folder).arg(megabytes.to_string());
        run(command);
    }

    /// The folder behind a volume as the pod sees it.
    pub fn confined(&self, pod: &str, volume: &str) -> PathBuf {
        let folder = self.volume(pod, volume);
        PathBuf::from(format!("/proc/{}/root{}", self.sandbox(pod), folder.display()))
    }

    /// Fills a volume, to its last byte.
    pub fn fill(&self, pod: &str, volume: &str) {
        let ballast = self.confined(pod, volume).join("ballast");
        let error = (fs::File::options().create(true).append(true).open(ballast))
            .and_then(|mut file| std::io::copy(&mut std::io::repeat(0), &mut file))
            .expect_err("it is small");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Makes space in it again.
    pub fn relieve(&self, pod: &str, volume: &str) {
        fs::remove_file(self.confined(pod, volume).join("ballast")).unwrap();
    }
}

//! What a doctor found, for people.

use crate::doctor::Finding;
use crate::report::doctor::lines;

#[test]
fn each_finding_is_a_line_and_the_last_says_what_it_means() {
    let mut findings = vec![
        Finding::ok("server", "Kubernetes v1.20.2"),
        Finding::warn("pull secrets", "Secret a is for x", "add the registry"),
    ];
    let well = [
        "ok    server        Kubernetes v1.20.2",
        "warn  pull secrets  Secret a is for x",
        "                      do: add the registry",
        "nothing that was checked keeps a deploy to namespace shop from working; 1 warning; next: keyboss deploy --env local",
    ];
    assert_eq!(lines(&findings, "local", "shop"), well);
    findings.push(Finding::fail("quota", "too\nlittle", "have it raised"));
    findings.push(Finding::fail("objects", "ConfigMap a is another's; delete it", ""));
    let ill = lines(&findings, "local", "shop");
    assert_eq!(ill[3], "fail  quota         too little");
    let sum = "a deploy to namespace shop would not work: 2 failures; 1 warning; first, quota: have it raised";
    assert_eq!(ill.last().unwrap(), sum);
    let only = lines(&findings[3..], "local", "shop");
    assert!(
        only.last().unwrap().ends_with("1 failure; first, objects: ConfigMap a is another's; delete it"),
        "{only:?}"
    );
}

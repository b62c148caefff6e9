//! What is there as it was applied is not asked about; whatever became of the rest is found out.

use keyboss::rehearsal::face::Face;
use serde_json::json;

use crate::diff::{edit, standing};
use crate::served::Served;
use crate::transaction::object;

/// The objects that were asked about or written since the last time: verb and resource.
fn patches(face: &Face) -> Vec<String> {
    let received = face.faults().received();
    face.faults().forget();
    received.into_iter().map(|one| one.what).filter(|what| what.starts_with("patch ")).collect()
}

#[test]
fn only_what_is_not_as_it_was_applied_is_asked_about() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let deploys = |words: &str| {
        patches(&face);
        let (code, printed, error) = served.told(&["deploy", "--local"]);
        assert!(code == 0 && printed.contains(words), "{words}: {printed}{error}");
        patches(&face)
    };
    let always = deploys("nothing changed");
    let is_workload =
        |what: &String| ["patch deployments", "patch statefulsets", "patch cronjobs"].contains(&what.as_str());
    assert!(
        always.len() < 15 && always.iter().all(is_workload),
        "they have empty maps and claim templates: {always:?}"
    );

    // What nobody applied is nobody's business; what we did is put right.
    edit(&face, "v1", "Service", "saleor-api", |live| live["metadata"]["labels"]["theirs"] = json!("1"));
    assert_eq!(deploys("nothing changed"), always);
    let right = object(&face, "v1", "Service", "saleor-api").unwrap()["spec"]["ports"].clone();
    edit(&face, "v1", "Service", "saleor-api", |live| live["spec"]["ports"][0]["targetPort"] = json!(1));
    let asked = deploys("1 changed");
    assert_eq!(asked.iter().filter(|what| *what == "patch services").count(), 2, "a dry run, and the write: {asked:?}");
    assert_eq!(object(&face, "v1", "Service", "saleor-api").unwrap()["spec"]["ports"], right);
    assert_eq!(deploys("nothing changed"), always);
}

//! The job summary, word for word.

use crate::pipeline::{Diagnosis, Event, Finished};
use crate::render::Phase;
use crate::report::summary::Summary;
use crate::report::{Redactor, scrub};

use super::samples::*;

fn page(events: Vec<Event>) -> String {
    let mut summary = Summary::default();
    for event in events {
        summary.event(&event);
    }
    summary.markdown()
}

#[test]
fn one_that_succeeds_is_its_phases_and_images() {
    let expected = "\
## local in namespace keyboss: succeeded

**local is deployed**

1 created, 3 unchanged; 1m06s, 76 API requests

|  | phase | outcome | time | created | changed | unchanged |
| --: | :-- | :-- | --: | --: | --: | --: |
| 1 | Namespace \\& config | done | 0.4s | 1 | 0 | 3 |
| 8 | ServiceMonitors | skipped: the cluster does not serve ServiceMonitor | - | - | - | - |

### Images

| workload | container | image |
| :-- | :-- | :-- |
| Deployment saleor-api | api | saleor:3.20 |
| StatefulSet redis | redis | redis:7 |

";
    assert_eq!(page(succeeded()), expected);
}

#[test]
fn one_that_fails_says_why_what_the_rollback_did_and_what_is_next() {
    let mut events = failed_and_rolled_back();
    events.insert(0, started(&Phase::ALL, false));
    let Some(Event::DeployFinished(finished)) = events.last_mut() else { panic!("{events:?}") };
    finished.restored = restored_table();
    let expected = "\
## local in namespace keyboss: failed

**phase 4, Deployments, failed**

1 created, 3 unchanged; 14.0s, 76 API requests

|  | phase | outcome | time | created | changed | unchanged |
| --: | :-- | :-- | --: | --: | --: | --: |
| 4 | Deployments | failed: Deployment saleor-storefront: ErrImagePull | 12.3s | 1 | 0 | 3 |

### Why it failed

<details><summary>Deployment saleor-storefront: ErrImagePull: manifest for storefront:missing not found</summary>

<pre>FAILED Deployment saleor-storefront: ErrImagePull
  manifest for storefront:missing not found
  pod:       saleor-storefront-7d9c-x2x
  container: storefront
  image:     storefront:missing
  last warning events:
    Failed: Failed to pull image \"storefront:missing\"
  last log lines:
    Traceback (most recent call last):
     boom
    last</pre>
</details>

### After the rollback

| object | outcome |
| :-- | :-- |
| ConfigMap keyboss-config | rolled back |
| Job migrate-1 | stays: the old code runs on the new schema |
| Deployment saleor-dashboard | rolled back (was not ready before either) |
| Service saleor-api | FAILED: somebody has replaced it meanwhile |

### Next

- correct images.storefront.tag and deploy again

### Images

| workload | container | image |
| :-- | :-- | :-- |
| Deployment saleor-api | api | saleor:3.20 |
| StatefulSet redis | redis | redis:7 |

";
    let clean = events.into_iter().map(|mut event| {
        scrub::scrub(&mut event, &Redactor::default());
        event
    });
    assert_eq!(page(clean.collect()), expected);
}

#[test]
fn the_heading_says_how_it_ended() {
    let message = "a deploy would not tell: no port".to_owned();
    let found = Event::Notice { phase: None, message };
    let mut rehearsed = [succeeded(), vec![found.clone()]].concat();
    rehearsed[0] = rehearsing();
    let reset = vec![planned(), Event::DeployFinished(Box::default())];
    let recovered = vec![Event::RollbackFinished { complete: false, seconds: 1.0 }];
    for (events, heading) in [
        (interrupted(), "## local in namespace keyboss: interrupted\n"),
        (
            vec![started(&[Phase::Config], true), finished(true, "", 1.0, vec![])],
            "## Dry run of local in namespace keyboss: succeeded\n",
        ),
        (rehearsed, "## Rehearsal of local in namespace keyboss: failed\n"),
        ([succeeded(), vec![found]].concat(), "## local in namespace keyboss: succeeded\n"),
        (reset, "## The reset failed\n"),
        (recovered, "## The rollback of what was broken off is incomplete\n"),
        (vec![planned()], ""),
    ] {
        let page = page(events.clone());
        assert!(page.starts_with(heading) && page.is_empty() == heading.is_empty(), "{events:?}: {page}");
    }
}

#[test]
fn texts_cannot_break_out() {
    let text = "a|b</pre></details>\n\n# h <script>`x`";
    let log = vec![text.to_owned(), "x".repeat(5000)];
    let diagnosis = Diagnosis { log, ..Diagnosis::new(Phase::Config, text.into(), text, text.into()) };
    let finished = Finished { message: text.into(), next_steps: vec![text.into()], ..Finished::default() };
    let page = page(vec![
        started(&Phase::ALL, false),
        Event::Diagnosis(Box::new(diagnosis)),
        Event::DeployFinished(Box::new(finished)),
    ]);
    assert_eq!(page.matches("</pre>").count(), 1, "{page}");
    assert_eq!(page.matches("</details>").count(), 1, "{page}");
    let (before, rest) = page.split_once("<pre>").unwrap();
    let (inside, after) = rest.split_once("</pre>").unwrap();
    assert!(inside.contains("\n# h &lt;script&gt;`x`"), "{page}");
    assert!(![before, after].concat().lines().any(|line| line.starts_with("# ")), "{page}");
    assert!(page.contains("a\\|b\\</pre\\>\\</details\\> \\# h \\<script\\>\\`x\\`"), "{page}");
    assert!(page.lines().all(|line| line.chars().count() < 600), "{page}");
}

//! Each pod and each container of PostgreSQL and Redis dies in turn, then both at once: whom the record names leads, the
//! other follows, nothing is lost, everything returns by itself.

use crate::kubectl::eventually;
use crate::shop::Shop;

/// How a pod dies: as a whole, or its container alone.
#[derive(Clone, Copy, Debug)]
enum Death {
    Pod,
    Container,
}

const WAYS: [(&[usize], Death); 6] = [
    (&[0], Death::Pod),
    (&[1], Death::Pod),
    (&[0], Death::Container),
    (&[1], Death::Container),
    (&[0, 1], Death::Pod),
    (&[0, 1], Death::Container),
];

fn kill(shop: &Shop, workload: &str, ordinals: &[usize], death: Death) {
    let pods: Vec<String> = ordinals.iter().map(|ordinal| format!("{workload}-{ordinal}")).collect();
    match death {
        Death::Pod => {
            let mut arguments = vec!["delete", "pod", "--grace-period=0", "--force", "--wait=false"];
            arguments.extend(pods.iter().map(String::as_str));
            shop.namespace.say(&arguments);
        }
        // PostgreSQL's server crashes, and its container ends with it. Redis is process 1, which only an orderly
        // signal reaches.
        Death::Container => pods.iter().for_each(|pod| {
            let command = match workload {
                "postgres" => "kill -KILL $(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)",
                _ => "kill -TERM 1",
            };
            shop.namespace.run(&["exec", pod, "-c", workload, "--", "bash", "-c", command]);
        }),
    }
}

/// Waits until what died is another one and Ready.
fn returned(
    shop: &Shop,
    workload: &str,
    before: &std::collections::BTreeMap<String, (String, Vec<u64>)>,
    dead: &[usize],
) {
    eventually(180, &format!("{workload} {dead:?} returns"), || {
        let now = shop.pods();
        let another = dead.iter().all(|ordinal| {
            let name = format!("{workload}-{ordinal}");
            now.get(&name).is_some_and(|pod| Some(pod) != before.get(&name))
        });
        let set = shop.namespace.get(&["statefulset", workload]);
        (another && set["status"]["readyReplicas"] == 2).then_some(())
    });
}

#[test]
#[ignore = "needs a cluster"]
fn postgresql_loses_nothing_and_keeps_its_roles() {
    let shop = Shop::shared();
    let mut products = Vec::new();
    for (index, (ordinals, death)) in WAYS.into_iter().enumerate() {
        let product = format!("before death {index} of {}", std::process::id());
        shop.create_product(&product);
        shop.product_arrives(&shop.roles("POSTGRES_HOST").1, &product);
        products.push(product);
        let before = shop.pods();
        kill(&shop, "postgres", ordinals, death);
        returned(&shop, "postgres", &before, ordinals);
        let what = format!("a primary and a standby after {death:?} {ordinals:?}");
        let (primary, standby) = eventually(60, &what, || {
            let (primary, standby) = shop.roles("POSTGRES_HOST");
            let is = |pod, role| shop.namespace.query(pod, "select pg_is_in_recovery()").as_deref() == Some(role);
            (is(&primary, "f") && is(&standby, "t")).then_some((primary, standby))
        });
        for product in &products {
            shop.product_arrives(&primary, product);
            shop.product_arrives(&standby, product);
        }
        shop.until_guarded();
    }
}

#[test]
#[ignore = "needs a cluster"]
fn redis_loses_nothing_and_keeps_its_roles() {
    let shop = Shop::shared();
    for (index, (ordinals, death)) in WAYS.into_iter().enumerate() {
        let (master, replica) = shop.roles("REDIS_MASTER");
        eventually(60, "a key is taken", || {
            shop.namespace.redis(&master, &format!("set test:{index} {index}")).filter(|answer| answer == "OK")
        });
        eventually(60, "the key is on the replica", || {
            shop.namespace.redis(&replica, &format!("get test:{index}")).filter(|value| *value == index.to_string())
        });
        let before = shop.pods();
        kill(&shop, "redis", ordinals, death);
        returned(&shop, "redis", &before, ordinals);
        let what = format!("a master and its replica after {death:?} {ordinals:?}");
        let (master, replica) = eventually(60, &what, || {
            let (master, replica) = shop.roles("REDIS_MASTER");
            let is = |pod, words| {
                shop.namespace.redis(pod, "info replication").is_some_and(|text: String| text.contains(words))
            };
            (is(&master, "role:master") && is(&replica, "master_link_status:up")).then_some((master, replica))
        });
        for key in 0..=index {
            for pod in [&master, &replica] {
                eventually(60, &format!("test:{key} is in {pod}"), || {
                    shop.namespace.redis(pod, &format!("get test:{key}")).filter(|value| *value == key.to_string())
                });
            }
        }
    }
}

use super::*;

#[test]
fn the_example_file_shows_every_option_with_its_default() {
    let text = include_str!("../../switch.example.toml");
    let example: Config = toml::from_str(text).unwrap();
    assert_eq!(example, Config::default());
    let printed = toml::to_string(&Config::default()).unwrap();
    let options = |text: &str| -> Vec<String> {
        let mut options: Vec<String> = text
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
            .map(|(option, _)| option.to_owned())
            .filter(|option| !option.contains(' '))
            .collect();
        options.sort();
        options.dedup();
        options
    };
    for option in options(&printed) {
        assert!(
            options(text).contains(&option),
            "{option} is not in the example"
        );
    }
    assert!(Config::default().validate().is_ok());
}

/// Why the default, so changed, cannot be.
fn error(change: fn(&mut Config)) -> String {
    let mut config = Config::default();
    change(&mut config);
    config.validate().unwrap_err().to_string()
}

#[test]
fn err_routes_that_cannot_be_are_named() {
    let of_route = |change: fn(&mut RouteConfig)| {
        let mut config = Config::default();
        change(&mut config.route[0]);
        config.validate().unwrap_err().to_string()
    };
    for (said, expected) in [
        (
            of_route(|route| route.prefixes.clear()),
            "route \"sandbox\": prefixes is not given, and ranges neither",
        ),
        (
            of_route(|route| route.prefixes.push("999".to_owned())),
            "route \"sandbox\": prefix \"999\" is not 4 to 19 digits",
        ),
        (
            of_route(|route| route.currencies.push("KRW".to_owned())),
            "route \"sandbox\": currency \"KRW\" is not 3 digits",
        ),
        (
            of_route(|route| route.issuers.push("prepayed".to_owned())),
            "route \"sandbox\": no issuer is named \"prepayed\"",
        ),
        (
            of_route(|route| route.issuers.push("prepaid".to_owned())),
            "route \"sandbox\" names an issuer twice, or one that does not exist",
        ),
        (
            error(|config| config.route.push(config.route[0].clone())),
            "route \"sandbox\" is there twice",
        ),
        (
            error(|config| {
                let name = "other".to_owned();
                let sandbox = config.route[0].clone();
                config.route.push(RouteConfig { name, ..sandbox });
            }),
            "routes \"other\" and \"sandbox\" both take cards 999999, and neither is the more \
             specific: keep their cards or conditions apart, or one's within the other's",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn err_bounds_of_links_and_memory_are_named() {
    for (rate_max, burst, said) in [
        (Some(0), 1, "rate_max"),
        (Some(1_000_001), 1, "rate_max"),
        (Some(1), 0, "burst"),
        (None, 1_000_001, "burst"),
    ] {
        let mut config = Config::default();
        config.listener[0].rate_max = rate_max;
        config.listener[0].burst = burst;
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            format!("listener \"van\": {said} is not 1 to 1000000")
        );
    }
    assert_eq!(
        error(|config| config.queue_age_max = Duration::ZERO),
        "configuration: queue_age_max is not 1ms to 1day"
    );
    let links = |count: usize| {
        let mut config = Config::default();
        config.issuer[0].addresses = vec!["127.0.0.1:8590".to_owned(); count];
        config.validate().map_err(|error| error.to_string())
    };
    assert_eq!((links(1), links(16)), (Ok(()), Ok(())));
    for count in [0, 17] {
        assert_eq!(
            links(count).unwrap_err(),
            "issuer \"prepaid\": addresses is not a list of 1 to 16 host:port"
        );
    }
    assert_eq!(
        error(|config| config.failover.remembered_max = 0),
        "failover: remembered_max is not 1 to 16777216"
    );
    assert_eq!(
        error(|config| config.failover.remembered_for = Duration::ZERO),
        "failover: remembered_for is not 1s to 31days"
    );
}

#[test]
fn err_what_cannot_be_is_named() {
    assert_eq!(
        error(|config| config.institution = "12x".to_owned()),
        "configuration: institution is not 1 to 11 digits"
    );
    assert_eq!(
        error(|config| config.listener[1].name = "van".to_owned()),
        "listener \"van\" is there twice"
    );
    assert_eq!(
        error(|config| config.listener[0].in_flight_max = 0),
        "listener \"van\": in_flight_max is not at least 1"
    );
    assert_eq!(
        error(|config| config.listener[0].acquirers = vec!["45000X".to_owned()]),
        "listener \"van\": one of acquirers is not 1 to 11 digits"
    );
    assert_eq!(
        error(|config| config.listener[0].acquirers = vec!["450001".to_owned()]),
        "listener \"van\": acquirer is not one of acquirers"
    );
    assert_eq!(
        error(|config| config.issuer[0].link.dialect = "iso93".to_owned()),
        "issuer \"prepaid\": dialect \"iso93\" is none of iso87-ascii, iso87-ascii-binmap, \
         iso87-bcd"
    );
    assert_eq!(
        error(|config| config.issuer.push(IssuerConfig::default())),
        "issuer \"\": name is not given"
    );
    let named_one = "[[issuer]]\nname = 'x'\n[issuer.link]\nanswer_timeout = '5s'";
    let config: Config = toml::from_str(named_one).unwrap();
    assert_eq!(
        config.issuer[0].link.dialect, "iso87-ascii-binmap",
        "the others stay"
    );
    assert!(toml::from_str::<Config>("[[listener]]\nconections_max = 5").is_err());
}

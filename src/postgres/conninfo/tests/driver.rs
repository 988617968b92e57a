//! What the driver is told.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};

use super::parse_ok;
use crate::postgres::conninfo::{Keepalives, LoadBalanceHosts, Transport};
use crate::values::Secret;

/// The configuration for the first host.
fn config(text: &str, transport: Transport) -> Config {
    let info = parse_ok(text);
    let host = info.hosts()[0].clone();
    let lookup = info.resolve_password(&host);
    info.config_for(transport, lookup.password.as_ref())
}

#[test]
fn everything_given_is_passed_on() {
    let text = "host=h hostaddr=127.0.0.1 port=7 user=u password=p dbname=d options='-c a=b' application_name=me \
                connect_timeout=3 keepalives_idle=4 keepalives_interval=5 keepalives_count=6 tcp_user_timeout=7 \
                channel_binding=require load_balance_hosts=random sslmode=require sslnegotiation=direct \
                target_session_attrs=read-write";
    let config = config(text, Transport::Tls);
    assert_eq!((config.get_user(), config.get_dbname()), (Some("u"), Some("d")));
    assert_eq!(config.get_password(), Some(&b"p"[..]));
    assert_eq!(
        (config.get_options(), config.get_application_name()),
        (Some("-c a=b"), Some("me"))
    );
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(
        (config.get_ssl_mode(), config.get_ssl_negotiation()),
        (SslMode::Require, SslNegotiation::Direct)
    );
    assert_eq!(
        config.get_target_session_attrs(),
        TargetSessionAttrs::Any,
        "asked by whoever connects"
    );
    let info = parse_ok(text);
    assert_eq!(info.connect_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(info.load_balance_hosts(), LoadBalanceHosts::Random);
    let keepalives = Keepalives {
        is_on: true,
        idle: Some(Duration::from_secs(4)),
        interval: Some(Duration::from_secs(5)),
        count: Some(6),
        user_timeout: Some(Duration::from_millis(7)),
    };
    assert_eq!(info.keepalives(), &keepalives);
}

#[test]
fn what_is_not_given_has_quiet_defaults() {
    let config = config("host=h", Transport::Plain);
    assert_eq!(
        (config.get_user(), config.get_dbname()),
        (Some("os_user"), Some("os_user"))
    );
    assert_eq!((config.get_password(), config.get_options()), (None, None));
    assert_eq!(config.get_application_name(), Some("pg_exporter"));
    assert_eq!(config.get_ssl_mode(), SslMode::Disable);
    assert_eq!(parse_ok("host=h").connect_timeout(), None);
    assert!(parse_ok("host=h").keepalives().is_on);
    assert!(!parse_ok("host=h keepalives=0").keepalives().is_on);
    let fallback = self::config("host=h fallback_application_name=me", Transport::Plain);
    assert_eq!(fallback.get_application_name(), Some("me"));
}

#[test]
fn a_certificate_is_checked_against_the_name_else_the_address() {
    let name = |text| parse_ok(text).hosts()[0].certificate_name();
    assert_eq!(name("host=h hostaddr=127.0.0.1"), "h");
    assert_eq!(name("host=::1"), "::1");
    assert_eq!(name("hostaddr=::1"), "::1");
    assert_eq!(name("host=/run/pg hostaddr=127.0.0.1"), "127.0.0.1");
    assert_eq!(name("host=/run/pg"), "", "no TLS there");
}

#[test]
fn pgbouncers_console_is_sent_no_options() {
    let text = "postgres://h:6432/pgbouncer?options=-cx%3Dy";
    assert_eq!(config(text, Transport::Plain).get_options(), None);
}

#[test]
fn a_secret_prints_as_a_mask() {
    let secret = Secret::new("Hunter2");
    assert_eq!(format!("{secret} {secret:?}"), "******** ********");
    let printed = format!("{:?}", config("host=h password=Hunter2", Transport::Plain));
    assert!(!printed.contains("Hunter2"), "{printed}");
}

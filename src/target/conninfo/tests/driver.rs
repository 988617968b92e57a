//! What the driver is told.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{
    ChannelBinding, Host, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs,
};

use super::super::{Secret, Transport};
use super::parse_ok;

/// The configuration for the first host.
fn config(text: &str, transport: Transport) -> Config {
    let info = parse_ok(text);
    let host = info.hosts()[0].clone();
    let lookup = info.resolve_password(&host);
    info.config_for(&host, transport, lookup.password.as_ref())
}

#[test]
fn everything_given_is_passed_on() {
    let text = "host=h hostaddr=127.0.0.1 port=7 user=u password=p dbname=d options='-c a=b' application_name=me \
                connect_timeout=3 keepalives_idle=4 keepalives_interval=5 keepalives_count=6 tcp_user_timeout=7 \
                channel_binding=require load_balance_hosts=random sslmode=require sslnegotiation=direct \
                target_session_attrs=read-write";
    let config = config(text, Transport::Tls);
    assert_eq!(config.get_hosts(), [Host::Tcp("h".into())]);
    assert_eq!(config.get_hostaddrs(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(
        (config.get_ports(), config.get_user(), config.get_dbname()),
        (&[7][..], Some("u"), Some("d"))
    );
    assert_eq!(config.get_password(), Some(&b"p"[..]));
    assert_eq!(
        (config.get_options(), config.get_application_name()),
        (Some("-c a=b"), Some("me"))
    );
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert!(config.get_keepalives());
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(4));
    assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(5)));
    assert_eq!(config.get_keepalives_retries(), Some(6));
    assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(7)));
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(config.get_load_balance_hosts(), LoadBalanceHosts::Random);
    assert_eq!(
        (config.get_ssl_mode(), config.get_ssl_negotiation()),
        (SslMode::Require, SslNegotiation::Direct)
    );
    assert_eq!(
        config.get_target_session_attrs(),
        TargetSessionAttrs::Any,
        "asked by whoever connects"
    );
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
    assert_eq!(
        (config.get_connect_timeout(), config.get_ssl_mode()),
        (None, SslMode::Disable)
    );
    assert!(config.get_keepalives());
    assert!(
        !parse_ok("host=h keepalives=0")
            .config_for(&host("h"), Transport::Plain, None)
            .get_keepalives()
    );
    let fallback = self::config("host=h fallback_application_name=me", Transport::Plain);
    assert_eq!(fallback.get_application_name(), Some("me"));
}

fn host(name: &str) -> super::Host {
    super::Host::Tcp {
        host: Some(name.to_owned()),
        hostaddr: None,
        port: 5432,
    }
}

#[test]
fn places_are_told_so_that_the_driver_connects_there() {
    let hosts = |text| config(text, Transport::TlsIfOffered).get_hosts().to_vec();
    assert_eq!(hosts("host=/run/pg"), [Host::Unix("/run/pg".into())]);
    assert_eq!(hosts("host=@pg"), [Host::Unix(Path::new("\0pg").into())]);
    assert_eq!(hosts("host=::1"), [Host::Tcp("::1".into())]);
    assert_eq!(hosts("hostaddr=::1"), [Host::Tcp("::1".into())]);
    assert_eq!(
        hosts("host=/run/pg hostaddr=127.0.0.1"),
        [Host::Tcp("127.0.0.1".into())]
    );
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

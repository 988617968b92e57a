//! Why TLS could not be prepared.

use std::path::{Path, PathBuf};

use tokio_rustls::rustls;

use crate::files::FileError;

/// A file or parameter of TLS that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A mode that verifies has nothing to verify by.
    #[error(
        "root certificate file {} does not exist; give sslrootcert, or sslrootcert=system, or an sslmode below verify-ca",
        .path.display()
    )]
    NoRoots {
        /// The file.
        path: PathBuf,
    },
    /// As before, and there is no default either.
    #[error(
        "sslmode verifies the server's certificate, but there is no home directory with root.crt; give sslrootcert"
    )]
    NoHome,
    /// The system has no certificates.
    #[error("sslrootcert=system: no root certificates found; install the ca-certificates package")]
    NoSystemRoots,
    /// A file exists and cannot be read.
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: FileError,
    },
    /// A file of certificates holds none, or a broken one.
    #[error("{} holds no usable certificate; expected PEM (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is a client certificate, but its key is not there.
    #[error("the key {} of the client certificate does not exist; give sslkey", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Others could take the key.
    #[error(
        "the key {} is refused: others have access; make it `chmod 0600`, or 0640 if root owns it", .path.display()
    )]
    KeyPermissions {
        /// The file.
        path: PathBuf,
    },
    /// A key that is none.
    #[error("{} holds no usable private key; expected PEM (-----BEGIN PRIVATE KEY-----)", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted key without pass phrase.
    #[error("the key {} is encrypted; give sslpassword", .path.display())]
    KeyEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted key with another pass phrase.
    #[error("the key {} cannot be decrypted by sslpassword", .path.display())]
    KeyPassword {
        /// The file.
        path: PathBuf,
    },
    /// A key encrypted in a way that nobody should use any more.
    #[error("the key {} is encrypted in an outdated way; convert it by `openssl pkcs8 -topk8`", .path.display())]
    KeyOutdated {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not belong together.
    #[error("the key {} is not the key of the certificate {}; give a pair as sslcert and sslkey", .key.display(), .certificate.display())]
    OtherKey {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// What the TLS library says, such as that it knows no way to sign with the key.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

impl TlsError {
    /// The error for a file that exists and cannot be read.
    pub(in crate::postgres) fn unreadable(path: &Path, reason: FileError) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            reason,
        }
    }
}

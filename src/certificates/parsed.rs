//! A certificate, as far as it matters for TLS. Of its parts the bytes are kept as they came: signatures are over them.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{CertificateError, Error};
use x509_cert::der;
use x509_cert::der::asn1::{AnyRef, BitStringRef, ContextSpecific, ObjectIdentifier};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Reader, SliceReader, TagNumber, Tagged as _};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::RdnSequence;
use x509_cert::time::Validity;

/// Extensions that are understood, or that OpenSSL takes as understood: they may be critical.
const KNOWN: [&str; 11] = [
    "2.5.29.14", // subject key identifier
    "2.5.29.15", // key usage
    "2.5.29.17", // alternative names
    "2.5.29.19", // basic constraints
    "2.5.29.30", // name constraints
    "2.5.29.31", // where revocations are listed
    "2.5.29.32", // policies
    "2.5.29.33", // their mapping
    "2.5.29.36", // their constraints
    "2.5.29.37", // extended key usage
    "2.5.29.54", // any policy inhibited
];

const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey<'a> {
    /// What an `AlgorithmIdentifier` holds.
    pub(crate) algorithm: &'a [u8],
    /// The key itself, in the form of its algorithm.
    pub(crate) bits: &'a [u8],
}

/// An alternative name: its kind, as the number in `GeneralName`, and its bytes.
pub(crate) type AlternativeName<'a> = (u8, &'a [u8]);

/// A certificate of version 1, 2 or 3.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    pub(super) signed: &'a [u8],
    pub(super) signature_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    version: u8,
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    validity: Validity,
    pub(crate) key: PublicKey<'a>,
    extensions: Extensions,
    constraints: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    pub(super) purposes: Option<ExtendedKeyUsage>,
}

impl<'a> Certificate<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, Error> {
        parse(der).map_err(|_| CertificateError::BadEncoding.into())
    }

    /// # Errors
    /// When it is not valid yet, or no more.
    pub(crate) fn check_dates(&self, now: UnixTime) -> Result<(), Error> {
        let not_before = UnixTime::since_unix_epoch(self.validity.not_before.to_unix_duration());
        let not_after = UnixTime::since_unix_epoch(self.end());
        if now < not_before {
            return Err(CertificateError::NotValidYetContext {
                time: now,
                not_before,
            }
            .into());
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
        }
        Ok(())
    }

    /// When it ends, since 1970.
    pub(crate) fn end(&self) -> Duration {
        self.validity.not_after.to_unix_duration()
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether an extension counts that is not understood.
    pub(super) fn has_unknown_critical_extension(&self) -> bool {
        let is_known = |extension: &Extension| KNOWN.contains(&extension.extn_id.to_string().as_str());
        self.extensions
            .iter()
            .any(|extension| extension.critical && !is_known(extension))
    }

    /// Whether it limits the names of those below it.
    pub(super) fn limits_names(&self) -> bool {
        self.extension(NAME_CONSTRAINTS).is_some()
    }

    /// Whether it is an authority by its extensions.
    pub(super) fn is_authority(&self) -> bool {
        let may_sign = self.usage.is_none_or(|usage| usage.key_cert_sign());
        may_sign
            && self
                .constraints
                .as_ref()
                .is_some_and(|constraints| constraints.ca)
    }

    /// Whether it may be one though no extension says so: by its age, or, as OpenSSL has it, by its usage alone.
    pub(super) fn may_be_root(&self, is_usage_enough: bool) -> bool {
        let may_sign = self.usage.map(|usage| usage.key_cert_sign());
        let by_age = self.version < 3 && self.is_self_issued();
        self.constraints.is_none() && (by_age || (is_usage_enough && may_sign == Some(true)))
    }

    /// How many authorities may stand between it and the end, if it says so.
    pub(super) fn longest_path(&self) -> Option<usize> {
        self.constraints.as_ref()?.path_len_constraint.map(usize::from)
    }

    /// Whether its key may be used in a handshake.
    pub(super) fn is_for_handshakes(&self) -> bool {
        self.usage.is_none_or(|usage| {
            usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()
        })
    }

    /// The alternative names; `None` if it has none at all.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn alternative_names(&self) -> Result<Option<Vec<AlternativeName<'_>>>, Error> {
        let Some(extension) = self.extension(ALTERNATIVE_NAMES) else {
            return Ok(None);
        };
        let read = || -> der::Result<_> {
            let mut names = Vec::new();
            let mut reader = SliceReader::new(extension.extn_value.as_bytes())?;
            reader.sequence(|reader| {
                while !reader.is_finished() {
                    let name = AnyRef::decode(reader)?;
                    let tag = name.tag();
                    if tag.is_context_specific() {
                        names.push((tag.number().value(), name.value()));
                    }
                }
                Ok(())
            })?;
            reader.finish(names)
        };
        read().map(Some).map_err(|_| CertificateError::BadEncoding.into())
    }

    /// The first common name, as its bytes are.
    pub(crate) fn common_name(&self) -> Option<Vec<u8>> {
        let subject = RdnSequence::from_der(self.subject).ok()?;
        let mut parts = subject.0.iter().flat_map(|part| part.0.iter());
        let name = parts.find(|part| part.oid == COMMON_NAME)?;
        Some(name.value.value().to_vec())
    }

    fn extension(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.extn_id == oid)
    }
}

fn parse(der: &[u8]) -> der::Result<Certificate<'_>> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|reader| {
        let signed = reader.tlv_bytes()?;
        let algorithm = AnyRef::decode(reader)?;
        Ok((signed, algorithm, BitStringRef::decode(reader)?))
    })?;
    let (signed, algorithm, signature) = reader.finish(parts)?;
    let mut reader = SliceReader::new(signed)?;
    let certificate = reader.sequence(|reader| {
        let version = ContextSpecific::<u8>::decode_explicit(reader, TagNumber::N0)?;
        // The serial number may be anything.
        reader.tlv_bytes()?;
        let own = AnyRef::decode(reader)?;
        if own != algorithm {
            return Err(der::ErrorKind::Failed.into());
        }
        let issuer = reader.tlv_bytes()?;
        let validity = Validity::decode(reader)?;
        let subject = reader.tlv_bytes()?;
        let key = key(reader.tlv_bytes()?)?;
        let extensions = ContextSpecific::<Extensions>::decode_explicit(reader, TagNumber::N3)?;
        let extensions = extensions.map(|extensions| extensions.value).unwrap_or_default();
        Ok(Certificate {
            signed,
            signature_algorithm: algorithm.value(),
            signature: signature.as_bytes().ok_or(der::ErrorKind::Failed)?,
            version: version.map_or(1, |version| version.value.saturating_add(1)),
            issuer,
            subject,
            validity,
            key,
            constraints: find(&extensions)?,
            usage: find(&extensions)?,
            purposes: find(&extensions)?,
            extensions,
        })
    })?;
    reader.finish(certificate)
}

/// The parts of a `SubjectPublicKeyInfo`.
pub(super) fn key(der: &[u8]) -> der::Result<PublicKey<'_>> {
    let mut reader = SliceReader::new(der)?;
    let key = reader.sequence(|reader| {
        let algorithm = AnyRef::decode(reader)?.value();
        let bits = BitStringRef::decode(reader)?;
        Ok(PublicKey {
            algorithm,
            bits: bits.as_bytes().ok_or(der::ErrorKind::Failed)?,
        })
    })?;
    reader.finish(key)
}

/// The extension of a type. Twice the same makes none.
fn find<T: AssociatedOid + for<'a> Decode<'a>>(extensions: &[Extension]) -> der::Result<Option<T>> {
    let mut found = extensions.iter().filter(|extension| extension.extn_id == T::OID);
    let first = found.next();
    if found.next().is_some() {
        return Err(der::ErrorKind::Failed.into());
    }
    first
        .map(|extension| T::from_der(extension.extn_value.as_bytes()))
        .transpose()
}

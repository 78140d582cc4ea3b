"""What can go wrong, each with a code that stays the same between versions.

UnmaskError
├── InputError       one photo or video could not be used; the others go on
│     not_found · unreadable · unsupported_format · truncated · empty
│     too_many_bytes · too_many_pixels · too_long · timeout · no_frames · internal
├── BundleError      a detector's folder is missing, broken or not what its card says
│     bundle_missing · bundle_invalid · bundle_altered · bundle_unsupported
├── ConfigError      the caller asked for something that does not exist or cannot be
│     unknown_detector · unknown_method · unknown_format · bad_option · not_installed
├── ServeError       a request to `unmask serve`, or the server itself, cannot go on
│     bad_request · unauthorised · foreign_host · foreign_origin · not_found · wrong_method
│     too_slow · too_many_bytes · too_many_parts · unsupported_body · no_files · bad_field
│     queue_full · too_many_uploads · too_many_connections · internal · not_ready
│     storage_full · timeout · worker_lost · folder_taken · address_taken · unreachable
├── FetchError       a download failed or was not what it should be
│     fetch_failed · fetch_altered · unknown_model
└── LabError         training or export cannot go on
      bad_recipe · data_missing · unknown_layout · weights_missing · export_mismatch
      int8_loss · weights_invalid
"""

from __future__ import annotations

from typing import ClassVar


class UnmaskError(Exception):
    """Base of every error that Unmask raises on purpose.

    Attributes:
        code: A stable word for programs, one of the class's `CODES`.
        message: A sentence for people.
    """

    CODES: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, code: str, message: str) -> None:
        if code not in self.CODES:
            raise ValueError(f"{type(self).__name__} has no code {code!r}")
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class InputError(UnmaskError):
    """One photo or video could not be used."""

    CODES = frozenset(
        {
            "not_found",
            "unreadable",
            "unsupported_format",
            "truncated",
            "empty",
            "too_many_bytes",
            "too_many_pixels",
            "too_long",
            "timeout",
            "no_frames",
            "internal",
        }
    )


class BundleError(UnmaskError):
    """A detector's folder is missing, broken or not what its card says."""

    CODES = frozenset({"bundle_missing", "bundle_invalid", "bundle_altered", "bundle_unsupported"})


class ConfigError(UnmaskError):
    """The caller asked for something that does not exist or cannot be."""

    CODES = frozenset(
        {"unknown_detector", "unknown_method", "unknown_format", "bad_option", "not_installed"}
    )


class ServeError(UnmaskError):
    """A request to `unmask serve`, or the server itself, cannot go on."""

    CODES = frozenset(
        {
            "bad_request",
            "unauthorised",
            "foreign_host",
            "foreign_origin",
            "not_found",
            "wrong_method",
            "too_slow",
            "too_many_bytes",
            "too_many_parts",
            "unsupported_body",
            "no_files",
            "bad_field",
            "queue_full",
            "too_many_uploads",
            "too_many_connections",
            "internal",
            "not_ready",
            "storage_full",
            "timeout",
            "worker_lost",
            "folder_taken",
            "address_taken",
            "unreachable",
        }
    )


class FetchError(UnmaskError):
    """A download failed or was not what it should be."""

    CODES = frozenset({"fetch_failed", "fetch_altered", "unknown_model"})


class LabError(UnmaskError):
    """Training or export cannot go on."""

    CODES = frozenset(
        {
            "bad_recipe",
            "data_missing",
            "unknown_layout",
            "weights_missing",
            "export_mismatch",
            "int8_loss",
            "weights_invalid",
        }
    )

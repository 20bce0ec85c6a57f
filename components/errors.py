"""The errors a user can do something about; each message says what."""


class RollcallError(Exception):
    """Base of every error that is shown to a user without a traceback."""


class ContractError(RollcallError):
    """What one step handed to the next is not what was agreed (contracts.py)."""


class SourceError(RollcallError):
    """The source of the videos cannot be used: missing, empty or all rejected."""


class RosterError(RollcallError):
    """The roster is missing or breaks its format."""


class BackboneError(RollcallError):
    """A backbone is unknown, or its weights cannot be had."""


class DetectorError(RollcallError):
    """The model that finds heads cannot be had."""


class LeakError(RollcallError):
    """The same session stands in training and in test: any score would be a lie."""


class DigestError(RollcallError):
    """A file is not the one that was written: its digest differs."""


class TrustError(RollcallError):
    """A model must not be used: it was revoked, is not signed as asked, or could run code."""


class RegistryError(RollcallError):
    """The model registry refused, or holds something else than was written."""


class RemovalError(RollcallError):
    """Something could not be removed; the message names neither it nor a person."""


class AuditError(RollcallError):
    """The audit log cannot be written, or somebody tampered with it."""

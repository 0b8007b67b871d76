// What an embedder names of the parts below: values, signatures, faults, and what the machine says of itself.
@_exported import GuestABI
@_exported import MicroVM

namespace NodeAgent.Stores.Tests.Faults;

/// <summary>An answer as it came over the wire.</summary>
/// <param name="Status">Of HTTP.</param>
/// <param name="Head">Up to and with the empty line.</param>
/// <param name="Body">In chunks, if it came in chunks.</param>
/// <param name="KeepsOpen">Whether another request may follow.</param>
internal sealed record WireAnswer(int Status, byte[] Head, byte[] Body, bool KeepsOpen);

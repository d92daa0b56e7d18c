namespace NodeAgent.Stores.Tests.S3;

/// <summary>What goes wrong with a request.</summary>
internal enum FakeFaultKind
{
    None,
    Status,
    ResetBefore,
    ResetAfter,
    HalfAnswer,
    Silence,
}

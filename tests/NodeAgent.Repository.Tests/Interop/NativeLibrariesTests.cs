using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Tests.Interop;

public sealed class NativeLibrariesTests
{
    [Fact]
    public void A_library_that_is_not_there_is_not_available() => Assert.False(NativeLibraries.IsAvailable("no such library"));
}

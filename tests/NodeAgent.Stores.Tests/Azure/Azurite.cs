using NodeAgent.Stores.Azure;
using NodeAgent.Stores.Tests.Gateway;

namespace NodeAgent.Stores.Tests.Azure;

/// <summary>The blob server that <c>tests/services/azurite</c> starts; without it the tests that want it are skipped by name.</summary>
internal static class Azurite
{
    private const string HowToGetIt = "no Azurite: eval \"$(tests/services/azurite up --tests)\" starts it (docs/testing.md)";

    private static readonly Lazy<Task<string>> SharedContainer = new(() => MakeContainerAsync(CancellationToken.None));

    /// <summary>One of the variables that the script prints.</summary>
    public static string Get(string name)
    {
        var value = Environment.GetEnvironmentVariable("NODEAGENT_TEST_" + name);
        Assert.SkipUnless(value is { Length: > 0 }, HowToGetIt);
        return value!;
    }

    /// <summary>A folder that no other test uses, in a container that all tests share.</summary>
    public static async Task<AzureStoreOptions> MakeFolderAsync()
    {
        // Asked before the container is made: a skip inside of what is shared would be a failure of it.
        Get("AZURE_BLOB_ENDPOINT");
        return OptionsFor(await SharedContainer.Value) with { Prefix = "t-" + Guid.NewGuid().ToString("N") };
    }

    public static AzureStoreOptions OptionsFor(string container) => new()
    {
        Account = Get("AZURE_STORAGE_ACCOUNT"),
        AccountKey = Get("AZURE_STORAGE_KEY"),
        Endpoint = Get("AZURE_BLOB_ENDPOINT"),
        Container = container,
        Retry = S3Gateway.QuickRetry,
    };

    public static async Task<string> MakeContainerAsync(CancellationToken cancellationToken)
    {
        var name = $"test-{Guid.NewGuid():N}";
        using var endpoint = new AzureEndpoint(OptionsFor(name), TimeProvider.System, Random.Shared);
        (await endpoint.SendAsync(HttpMethod.Put, null, "?restype=container", [], ReadOnlyMemory<byte>.Empty, cancellationToken)).Dispose();
        return name;
    }
}

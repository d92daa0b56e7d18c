namespace NodeAgent.Stores.S3;

/// <summary>Remembers <see cref="S3Capabilities"/> in a file for each endpoint, bucket and prefix.</summary>
internal static class S3CapabilityCache
{
    public static S3Capabilities? Read(S3StoreOptions options) => null;
}

namespace NodeAgent.Stores.S3;

/// <summary>Keys that are given as such. No record: those print what they hold.</summary>
/// <param name="accessKey">The access key.</param>
/// <param name="secretKey">The secret key.</param>
/// <param name="sessionToken">The token of temporary credentials; null for lasting ones.</param>
public sealed class S3Credentials(string accessKey, string secretKey, string? sessionToken = null)
{
    internal string AccessKey => accessKey;

    internal string SecretKey => secretKey;

    internal string? SessionToken => sessionToken;
}

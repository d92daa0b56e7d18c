using System.Xml;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Requests;

namespace NodeAgent.Stores.Azure;

/// <summary>What failed requests to the blob service come to.</summary>
internal static class AzureFailure
{
    private static readonly RequestFailure WrongCredentials = new(StoreFailure.PermissionDenied, "the server does not accept the credentials", "check that the account key or the service principal belongs to the storage account; keys that were rotated are no longer good");

    /// <summary>Judges an exception; null for one that is no failure of a request.</summary>
    public static RequestFailure? Of(Exception exception, AzureStoreOptions options) => exception switch
    {
        AzureRequestException { IsClockMended: true } => new(StoreFailure.Transient, "this machine's clock and the server's differ too much") { Status = 403 },
        AzureRequestException answer => OfAnswer(answer, options) with { Status = answer.Status, Code = answer.Code },
        XmlException => new(StoreFailure.Transient, "the answer was cut or is not the blob service's", "is the endpoint that of Azure blob storage?"),
        _ => RequestFailure.OfConnection(exception),
    };

    private static RequestFailure OfAnswer(AzureRequestException answer, AzureStoreOptions options) => (answer.Status, answer.Code) switch
    {
        ( >= 500 or 408 or 429, var code) when code.StartsWith(AzureTokens.SignInCode, StringComparison.Ordinal) => new(StoreFailure.Transient, $"signing in: HTTP {answer.Status}"),
        (_, var code) when code.StartsWith(AzureTokens.SignInCode, StringComparison.Ordinal) => new(
            StoreFailure.PermissionDenied, $"signing in failed: {RequestFailure.OneLine($"{code[AzureTokens.SignInCode.Length..]} {Message(answer)}")}", "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and that the secret has not expired"),
        (_, "ContainerNotFound") => new(StoreFailure.Other, $"container {options.Container} does not exist in storage account {options.Account}", "make it, or check its name and the account"),
        (_, "ContainerBeingDeleted") => new(StoreFailure.Other, $"container {options.Container} is being deleted", "make it anew when it is gone"),
        (404, _) => new(StoreFailure.NotFound, "it is not there"),
        (_, "AuthenticationFailed") or (401, _) => WrongCredentials,
        // What Azurite calls a signature that does not fit; the service itself means a network rule or a right that is missing.
        (_, "AuthorizationFailure") when answer.ServerMessage.Contains("authenticate", StringComparison.OrdinalIgnoreCase) => WrongCredentials,
        (_, "AccountIsDisabled") => new(StoreFailure.PermissionDenied, "the storage account is disabled", "enable it"),
        (_, "KeyBasedAuthenticationNotPermitted") => new(StoreFailure.PermissionDenied, "the storage account allows no account keys", "allow them in its settings, or use a service principal (config.useAAD)"),
        (_, "BlobImmutableDueToPolicy") => new(StoreFailure.PermissionDenied, "an immutability policy or a legal hold forbids it", "wait until it has run out"),
        (_, "AuthorizationFailure") => new(StoreFailure.PermissionDenied, "access denied (AuthorizationFailure)", "the network rules of the storage account must let this machine in, and the credentials must be allowed to"),
        (403, _) => new(StoreFailure.PermissionDenied, $"access denied{(answer.Code.Length == 0 ? "" : $" ({answer.Code})")}", "reading, writing, deleting and listing of blobs is needed, as with the role Storage Blob Data Contributor"),
        (503 or 429, _) or (_, "ServerBusy") => new(StoreFailure.Transient, $"the server is overloaded ({Name(answer)})") { IsThrottling = true },
        (500 or 502 or 504 or 408, _) or (_, "Md5Mismatch" or "OperationTimedOut" or "InternalError") => new(StoreFailure.Transient, $"{Name(answer)}: {Message(answer)}"),
        _ => new(StoreFailure.Other, $"{Name(answer)}: {Message(answer)}"),
    };

    private static string Name(AzureRequestException answer) => answer.Code.Length == 0 ? $"HTTP {answer.Status}" : $"{answer.Status} {answer.Code}";

    /// <summary>The first line of the server's, which numbers its requests in further ones; one that quotes a signature is left out.</summary>
    private static string Message(AzureRequestException answer) => answer.ServerMessage.Contains("sig=", StringComparison.OrdinalIgnoreCase)
        ? "the server's message is not shown because it holds a signed address"
        : RequestFailure.OneLine(answer.ServerMessage.Split('\n')[0]);
}

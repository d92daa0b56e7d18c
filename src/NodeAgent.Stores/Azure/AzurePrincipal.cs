namespace NodeAgent.Stores.Azure;

/// <summary>A service principal of Microsoft Entra ID, and where it signs in.</summary>
/// <param name="Tenant">The directory's id.</param>
/// <param name="Client">The application's id.</param>
/// <param name="Secret">Its secret.</param>
/// <param name="Authority">Address of the service that gives out tokens.</param>
internal sealed record AzurePrincipal(string Tenant, string Client, string Secret, string Authority)
{
    /// <summary>Without the secret.</summary>
    public override string ToString() => $"{Client} of {Tenant}";
}

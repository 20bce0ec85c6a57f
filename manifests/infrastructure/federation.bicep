// Which service account of the cluster is which identity. Here and not beside the identities, since
// the cluster has to be there first: it issues the tokens that are trusted.

@description('Name of the cluster.')
param name string

@description('URL of the cluster\'s issuer of tokens.')
param issuer string

@description('Namespace of the service accounts.')
param namespace string

resource runner 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${name}-runner'
}

resource secrets 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${name}-secrets'
}

resource steps 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: runner
  name: 'rollcall-runner'
  properties: {
    issuer: issuer
    subject: 'system:serviceaccount:${namespace}:rollcall-runner'
    audiences: ['api://AzureADTokenExchange']
  }
}

resource keeper 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: secrets
  name: 'rollcall-secrets'
  properties: {
    issuer: issuer
    subject: 'system:serviceaccount:${namespace}:rollcall-secrets'
    audiences: ['api://AzureADTokenExchange']
  }
}
